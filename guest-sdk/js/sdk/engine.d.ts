// What the engine has of Node beside the web's own, for those who have not installed `@types/node`.

/** Bytes that can be made from texts and become texts. */
interface Buffer extends Uint8Array {
  /** The text that they are: `utf8` unless said otherwise, `base64`, `base64url`, `hex`, `latin1`, `ascii` or `utf16le`. */
  toString(encoding?: string, start?: number, end?: number): string;
  equals(other: Uint8Array): boolean;
}

declare var Buffer: {
  /** The bytes of a text, in `utf8` unless said otherwise, or a copy of bytes. */
  from(text: string, encoding?: string): Buffer;
  from(bytes: ArrayLike<number> | ArrayBufferLike | Iterable<number>): Buffer;
  alloc(size: number, fill?: string | number | Uint8Array): Buffer;
  concat(parts: readonly Uint8Array[], length?: number): Buffer;
  byteLength(text: string | ArrayBufferView | ArrayBufferLike, encoding?: string): number;
  isBuffer(value: unknown): value is Buffer;
};

declare var process: {
  /** Empty: an action's settings are in `event.secrets`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
};

declare var global: typeof globalThis;

declare function setImmediate<T extends unknown[]>(callback: (...values: T) => void, ...values: T): unknown;
declare function clearImmediate(timer: unknown): void;

declare var module: { exports: any };
declare var exports: any;
declare var require: (name: string) => any;

// With a star, so that types that are installed come first.
declare module 'node:*';
declare module 'assert*';
declare module 'buffer*';
declare module 'console*';
declare module 'crypto*';
declare module 'events*';
declare module 'process*';
declare module 'querystring*';
declare module 'timers*';
declare module 'url*';
declare module 'util*';

declare module '@aws-sdk/client-sns*';
declare module 'aws-sdk*';
declare module 'aws4*';
declare module 'axios*';
declare module 'jsonwebtoken*';
declare module 'node-fetch*';
declare module 'twilio*';
declare module 'uuid*';

declare module 'actions:*';
