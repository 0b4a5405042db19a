(component
  (core module (func (export "f")))
  (core instance (instantiate 0))
  (alias core export 0 "f" (core func))
  (type (func))
  (func (type 0) (canon lift (core func 0)))
  (export "deliver" (func 0))(component $c (core module $m (memory 1)) (core instance (instantiate $m))) (instance (instantiate $c)) (instance (instantiate $c)))