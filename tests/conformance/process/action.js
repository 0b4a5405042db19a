exports.onExecuteCustomPhoneProvider = async (event, api) => {
  console.log(Object.keys(process.env).length, process.env.HOME, process.env.NODE_ENV, typeof process.version, typeof process.platform, typeof process.pid);
  process.env.SET = 'x';
  console.log(process.env.SET, typeof process.hrtime.bigint(), process.hrtime().length, typeof process.uptime(), Array.isArray(process.argv), process.version.startsWith('v'));
  console.log(typeof performance.now(), typeof globalThis, globalThis === global, typeof window, typeof document, typeof require, typeof module, typeof exports);
  console.log(typeof setTimeout, typeof fetch, typeof Headers, typeof Request, typeof Response, typeof URL, typeof AbortController, typeof structuredClone, typeof queueMicrotask, typeof Event, typeof EventTarget, typeof Blob, typeof FormData, typeof DOMException);
  console.log(this === undefined, globalThis.fetch === fetch, typeof process.memoryUsage().heapUsed, process.cwd().length > 0);
  globalThis.mine = 5;
  console.log(mine, delete globalThis.mine, typeof mine);
};
