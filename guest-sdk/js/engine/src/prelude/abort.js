// Event, EventTarget, AbortController and AbortSignal.
(function (host, internals) {
  'use strict';

  class Event {
    #type; #stopped = false; #prevented = false;
    constructor(type, options) {
      if (arguments.length === 0) throw new TypeError('The "type" argument must be specified');
      this.#type = `${type}`;
      this.bubbles = Boolean(options?.bubbles);
      this.cancelable = Boolean(options?.cancelable);
      this.target = null;
      this.timeStamp = host.now();
    }
    get type() { return this.#type; }
    get currentTarget() { return this.target; }
    get defaultPrevented() { return this.#prevented; }
    preventDefault() { if (this.cancelable) this.#prevented = true; }
    stopPropagation() {}
    stopImmediatePropagation() { this.#stopped = true; }
    static stopped(event) { return event.#stopped; }
  }
  const { stopped } = Event;
  delete Event.stopped;

  class CustomEvent extends Event {
    constructor(type, options) { super(type, options); this.detail = options?.detail ?? null; }
  }

  class EventTarget {
    #listeners = new Map();
    addEventListener(type, listener, options) {
      if (listener === null || listener === undefined) return;
      const of = this.#listeners.get(type) ?? [];
      const settings = typeof options === 'object' && options !== null ? options : {};
      if (settings.signal?.aborted || of.some((one) => one.listener === listener)) return;
      of.push({ listener, once: Boolean(settings.once) });
      this.#listeners.set(type, of);
      settings.signal?.addEventListener('abort', () => this.removeEventListener(type, listener), { once: true });
    }
    removeEventListener(type, listener) {
      const of = this.#listeners.get(type);
      if (of !== undefined) this.#listeners.set(type, of.filter((one) => one.listener !== listener));
    }
    dispatchEvent(event) {
      event.target = this;
      const of = [...(this.#listeners.get(event.type) ?? [])];
      for (const { listener, once } of of) {
        if (once) this.removeEventListener(event.type, listener);
        try {
          if (typeof listener === 'function') listener.call(this, event);
          else listener.handleEvent(event);
        } catch (error) {
          internals.log(3, error);
        }
        if (stopped(event)) break;
      }
      return !event.defaultPrevented;
    }
  }

  const own = Symbol('own');
  class AbortSignal extends EventTarget {
    #reason; #aborted = false; #onabort = null;
    constructor(key) {
      if (key !== own) throw Object.assign(new TypeError('Illegal constructor'), { code: 'ERR_ILLEGAL_CONSTRUCTOR' });
      super();
    }
    get aborted() { return this.#aborted; }
    get onabort() { return this.#onabort; }
    set onabort(handler) {
      if (this.#onabort !== null) this.removeEventListener('abort', this.#onabort);
      this.#onabort = typeof handler === 'function' ? handler : null;
      if (this.#onabort !== null) this.addEventListener('abort', this.#onabort);
    }
    get reason() { return this.#reason; }
    throwIfAborted() { if (this.#aborted) throw this.#reason; }
    static abort(reason) {
      const signal = new AbortSignal(own);
      end(signal, reason);
      return signal;
    }
    static timeout(delay) {
      const signal = new AbortSignal(own);
      setTimeout(() => end(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), delay);
      return signal;
    }
    static any(signals) {
      const any = new AbortSignal(own);
      for (const signal of signals) {
        if (signal.aborted) { end(any, signal.reason); break; }
        signal.addEventListener('abort', () => end(any, signal.reason), { once: true });
      }
      return any;
    }
    static end(signal, reason) {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
      signal.dispatchEvent(new Event('abort'));
    }
  }
  const { end } = AbortSignal;
  delete AbortSignal.end;

  class AbortController {
    #signal = new AbortSignal(own);
    get signal() { return this.#signal; }
    abort(reason) { end(this.#signal, reason); }
  }

  for (const kind of [Event, CustomEvent, EventTarget, AbortSignal, AbortController]) {
    Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });
    internals.expose(kind.name, kind);
  }
})
