import { AsyncLocalStorage } from 'node:async_hooks';
import type { Readable, Writable } from 'node:stream';
import type { ActionEntry } from '../actions/table.ts';
import type { FileOrigin, FileTarget, NextChunk } from '../backends/backend.ts';
import { encodeText } from '../bytes/text.ts';
import { GuestfsError } from '../errors/index.ts';
import type { FileInput, FileOutput, PackedFolder } from './arguments.ts';

/**
 * The calls whose stream callbacks the running code is in, as opaque tokens: a call made there on the same handle
 * would wait for a call that waits for the callback.
 */
let scope: AsyncLocalStorage<ReadonlySet<object>> | undefined;

/** True within a stream callback of the call that `token` stands for. */
export function isWithinStreamOf(token: object | undefined): boolean {
  return token !== undefined && (scope?.getStore()?.has(token) ?? false);
}

function within<T>(token: object, run: () => T): T {
  scope ??= new AsyncLocalStorage();
  return scope.run(new Set([...(scope.getStore() ?? []), token]), run);
}

/** A stream's two ends of life for a call: what the backend uses, and what is done when the call is over. */
export interface Opened<T> {
  end: T;
  release(): void;
}

const nothing = (): void => undefined;

/** Where a FileIn argument comes from. Throws TypeError where it is nothing of the kind. */
export function openInput(
  entry: ActionEntry,
  name: string,
  value: unknown,
  token: object,
): Opened<FileOrigin> {
  const input = value as FileInput;
  if (typeof input === 'string') return { end: hostPlace(entry, name, input, 0), release: nothing };
  if (input instanceof Uint8Array) return { end: { kind: 'bytes', bytes: input }, release: nothing };
  if (isAsyncIterable(input)) return inputStream(input, token);
  if (isPackedFolder(input)) {
    const { pack, ...options } = input;
    return { end: { kind: 'pack', path: pack, options }, release: nothing };
  }
  throw new TypeError(
    `${entry.name}: argument '${name}' must be a path, '-', a Uint8Array, a Readable, an AsyncIterable or { pack: PATH }`,
  );
}

/** Where a FileOut argument goes. Throws TypeError where it is nothing of the kind. */
export function openOutput(
  entry: ActionEntry,
  name: string,
  value: unknown,
  token: object,
): Opened<FileTarget> {
  const output = value as FileOutput;
  if (typeof output === 'string') return { end: hostPlace(entry, name, output, 1), release: nothing };
  if (isWritable(output)) return outputStream(output, token);
  throw new TypeError(`${entry.name}: argument '${name}' must be a path, '-' or a Writable`);
}

/** `-`, `/dev/stdin`, `/dev/stdout`, `/dev/fd/N` mean descriptors on every system; all else is a path. */
function hostPlace(
  entry: ActionEntry,
  name: string,
  text: string,
  standard: 0 | 1,
): { kind: 'fd'; fd: number } | { kind: 'path'; path: string } {
  if (text === '' || text.includes('\0')) {
    throw new GuestfsError('EINVAL', `${entry.name}: ${name}: '${text}' is no file name`, {
      action: entry.name,
    });
  }
  if (text === '-') return { kind: 'fd', fd: standard };
  if (text === '/dev/stdin') return { kind: 'fd', fd: 0 };
  if (text === '/dev/stdout') return { kind: 'fd', fd: 1 };
  if (text === '/dev/stderr') return { kind: 'fd', fd: 2 };
  const match = /^\/dev\/fd\/(\d{1,9})$/.exec(text);
  return match === null ? { kind: 'path', path: text } : { kind: 'fd', fd: Number(match[1]) };
}

function isPackedFolder(value: unknown): value is PackedFolder {
  return typeof value === 'object' && value !== null && typeof (value as PackedFolder).pack === 'string';
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isWritable(value: unknown): value is Writable {
  if (typeof value !== 'object' || value === null) return false;
  const { write, on } = value as Writable;
  return typeof write === 'function' && typeof on === 'function';
}

function inputStream(source: AsyncIterable<unknown> | Readable, token: object): Opened<FileOrigin> {
  let iterator: AsyncIterator<unknown> | undefined;
  let done = false;
  const next: NextChunk = async () => {
    try {
      iterator ??= source[Symbol.asyncIterator]() as AsyncIterator<unknown>;
      const at = iterator;
      const step = await within(token, () => at.next());
      if (step.done) {
        done = true;
        return undefined;
      }
      return toBytes(step.value);
    } catch (error) {
      done = true;
      throw streamError('input', error);
    }
  };
  const release = (): void => {
    // The call ended before the stream did: let the stream close what it holds.
    if (!done && iterator !== undefined) void iterator.return?.().catch(nothing);
  };
  return { end: { kind: 'stream', next }, release };
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return encodeText(chunk);
  throw new GuestfsError('EINVAL', 'the input stream gave a chunk that is neither bytes nor a string');
}

function outputStream(stream: Writable, token: object): Opened<FileTarget> {
  let failure: Error | undefined;
  const listeners = new Set<(error: GuestfsError) => void>();
  const fail = (error: GuestfsError): void => {
    for (const listener of listeners) listener(error);
    listeners.clear();
  };
  const onError = (error: Error): void => {
    failure ??= error;
    fail(streamError('output', error));
  };
  const onClose = (): void => fail(closed(failure ?? stream.errored));
  stream.on('error', onError);
  stream.on('close', onClose);
  const write = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      if (stream.destroyed || stream.writableEnded) {
        reject(closed(failure ?? stream.errored));
        return;
      }
      listeners.add(reject);
      within(token, () =>
        stream.write(chunk, (error) => {
          listeners.delete(reject);
          if (error === null || error === undefined) resolve();
          else reject(streamError('output', error));
        }),
      );
    });
  const release = (): void => {
    stream.off('error', onError);
    stream.off('close', onClose);
  };
  return { end: { kind: 'stream', write }, release };
}

function streamError(side: 'input' | 'output', error: unknown): GuestfsError {
  if (error instanceof GuestfsError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new GuestfsError('EIO', `the ${side} stream failed: ${message}`, { cause: error });
}

function closed(error: Error | null | undefined): GuestfsError {
  return error === null || error === undefined
    ? new GuestfsError('EPIPE', 'the output stream was closed before everything was written')
    : streamError('output', error);
}
