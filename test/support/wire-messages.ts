import { actionEntry, type ActionEntry } from '../../src/actions/table.ts';
import type { GuestfsError } from '../../src/errors/index.ts';
import { FrameParser, type Frame } from '../../src/rpc/frames.ts';
import {
  DIRECTION,
  putChunkHeader,
  chunkLength,
  readChunk,
  readError,
  readHeader,
  readProgress,
  STATUS,
  WORD,
  wordBytes,
  writeHeader,
  type Header,
} from '../../src/rpc/messages.ts';
import { writeCall } from '../../src/rpc/xdr/calls.ts';
import { XdrReader } from '../../src/rpc/xdr/reader.ts';
import { readResult } from '../../src/rpc/xdr/results.ts';
import { XdrWriter } from '../../src/rpc/xdr/writer.ts';

/** Bytes one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** A message with whatever header and body. */
export function rawMessage(header: Partial<Header>, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const writer = new XdrWriter(1 << 24);
  writer.uint32(40 + body.length);
  writeHeader(writer, {
    procedure: 1,
    direction: DIRECTION.CALL,
    serial: 1,
    progressHint: 0n,
    optargs: 0n,
    status: STATUS.OK,
    ...header,
  });
  writer.fixed(body);
  return Uint8Array.from(writer.bytes());
}

/** A call of an action. */
export function callMessage(
  name: string,
  args: readonly unknown[] = [],
  options: Record<string, unknown> = {},
  header: Partial<Header> = {},
): Uint8Array {
  const entry = actionEntry(name) as ActionEntry;
  const writer = new XdrWriter(1 << 23);
  const optargs = writeCall(writer, entry, { args: [...args], options });
  return rawMessage({ procedure: entry.proc as number, optargs, ...header }, writer.bytes());
}

/** A chunk of a stream. */
export function chunk(data: Uint8Array | string, cancel = false): Uint8Array {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const message = new Uint8Array(chunkLength(bytes.length));
  message.set(bytes, putChunkHeader(new DataView(message.buffer), 0, bytes.length, cancel));
  return message;
}

/** The cancel word alone. */
export const CANCEL = wordBytes(WORD.CANCEL);

/** What a daemon said, in words that a test can compare. */
export function spoken(bytes: Uint8Array, calls: readonly string[] = []): unknown[] {
  const parser = new FrameParser();
  parser.push(bytes);
  const said: unknown[] = [];
  let streaming = false;
  let call = 0;
  for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
    if (frame.kind === 'message' && streaming) {
      const { cancel, data } = readChunk(frame.bytes, 1 << 20);
      said.push(
        cancel ? 'chunk: cancel' : data.length === 0 ? 'chunk: end' : Buffer.from(data).toString('latin1'),
      );
      streaming = !cancel && data.length > 0;
    } else if (frame.kind === 'message') {
      const entry = actionEntry(calls[call++] ?? '');
      streaming = reply(frame, entry, said);
    } else if (frame.kind === 'progress') said.push(readProgress(new XdrReader(frame.bytes)));
    else said.push(frame.kind);
  }
  if (!parser.isEmpty) said.push('part of a message');
  return said;
}

/** Add a reply; true if a stream follows. */
function reply(
  frame: Frame & { bytes: Uint8Array },
  entry: ActionEntry | undefined,
  said: unknown[],
): boolean {
  const reader = new XdrReader(frame.bytes);
  const { status } = readHeader(reader);
  if (status === STATUS.ERROR) {
    const error: GuestfsError = readError(reader);
    said.push({ error: error.code, message: error.message });
    return false;
  }
  said.push({ ok: entry === undefined ? undefined : readResult(reader, entry.ret) });
  return entry?.args.some(({ type }) => type === 'FileOut') ?? false;
}
