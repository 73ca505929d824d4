/** Objects that are written in another form than member by member: bytes, files, dates, addresses. */

/** Whether an object of a body is one of them. */
export function hasOwnForm(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  return typeof (value as { readonly toJSON?: unknown }).toJSON === 'function' || (!isPlain && isBinary(value));
}

/** What is written in its stead: a value, or the length of what is, where it is binary. */
export function ownFormOf(value: object): unknown {
  return isBinary(value) ? encodedLength(binaryLength(value)) : (value as { toJSON(): unknown }).toJSON();
}

/** Bytes of a file, or `undefined` where the value is none. */
export function fileBytesOf(value: unknown): number | undefined {
  return typeof value === 'object' && value !== null && isBinary(value) ? binaryLength(value) : undefined;
}

/** Of bytes that are written as base64. */
export function encodedLength(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function isBinary(value: object): value is ArrayBufferView | ArrayBuffer | Blob {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob;
}

function binaryLength(value: ArrayBufferView | ArrayBuffer | Blob): number {
  return value instanceof Blob ? value.size : value.byteLength;
}
