/**
 * The messages of the wire (docs/protocol.md): a length word that does not count itself, then a header, then
 * arguments, a result or an error. Words in place of a length announce progress, cancel a stream, or say that the
 * daemon is ready.
 */
import { GuestfsError, isErrorCode, UnsupportedError, type ErrorCode } from '../errors/index.ts';
import { XdrReader } from './xdr/reader.ts';
import { XdrWriter } from './xdr/writer.ts';

/** `prog` of every header. */
export const PROGRAM = 0x2000f5f5;
/** `vers` of every header. */
export const VERSION = 4;
/** Bytes that a message has at most, without its length word. */
export const MESSAGE_MAX = 4 * 1024 * 1024;
/** Bytes of data in a chunk at most, between peers that agreed on nothing else. */
export const CHUNK_MAX = 8192;
/** Bytes of a chunk without its length word and its data. */
export const CHUNK_HEADER = 8;
/** Bytes of a header. */
export const HEADER_LENGTH = 40;

/** Words that stand where a length is due. */
export const WORD = {
  /** The daemon is ready; it sends this once. */
  LAUNCH: 0xf5f55ff5,
  /** A progress message of {@link PROGRESS_LENGTH} bytes follows. */
  PROGRESS: 0xffff5555,
  /** Stop the stream that is on its way; without one it means nothing. */
  CANCEL: 0xffffeeee,
  /** Between peers of this package: a warning follows, a length and text of at most {@link WARNING_MAX} bytes. */
  WARNING: 0xffff6766,
} as const;

/** Bytes of a warning at most. */
export const WARNING_MAX = 65536;

/** Bytes of a progress message after its word. */
export const PROGRESS_LENGTH = 24;

/** `direction` of a header. */
export const DIRECTION = { CALL: 0, REPLY: 1 } as const;
/** `status` of a header. */
export const STATUS = { OK: 0, ERROR: 1 } as const;

/** A message's header without program and version. */
export interface Header {
  procedure: number;
  direction: number;
  serial: number;
  /** Bytes that a FileIn will have, 0 if that is not known. */
  progressHint: bigint;
  /** Bit i: the i-th optional argument is set. */
  optargs: bigint;
  status: number;
}

/** Write a header. */
export function writeHeader(writer: XdrWriter, header: Header): void {
  writer.uint32(PROGRAM);
  writer.uint32(VERSION);
  writer.uint32(header.procedure);
  writer.uint32(header.direction);
  writer.uint32(header.serial);
  writer.uint64(header.progressHint);
  writer.uint64(header.optargs);
  writer.uint32(header.status);
}

const EMPTY_REPLY = new Uint8Array(4 + HEADER_LENGTH);
const emptyReplyView = new DataView(EMPTY_REPLY.buffer);
for (const [index, word] of [HEADER_LENGTH, PROGRAM, VERSION, 0, DIRECTION.REPLY].entries())
  emptyReplyView.setUint32(index * 4, word);

/** The reply of a call that ended well and gives nothing, with its length word; the next one is written over it. */
export function emptyReply(procedure: number, serial: number): Uint8Array {
  emptyReplyView.setUint32(12, procedure);
  emptyReplyView.setUint32(20, serial);
  return EMPTY_REPLY;
}

/** Read a header. Throws EPROTO where program or version are not the protocol's. */
export function readHeader(reader: XdrReader): Header {
  const program = reader.uint32('program');
  const version = reader.uint32('version');
  if (program !== PROGRAM || version !== VERSION) {
    throw new GuestfsError(
      'EPROTO',
      `found a message of program 0x${program.toString(16)}, version ${version}, expected 0x${PROGRAM.toString(16)}, ` +
        `version ${VERSION}`,
    );
  }
  return {
    procedure: reader.uint32('procedure'),
    direction: reader.uint32('direction'),
    serial: reader.uint32('serial'),
    progressHint: reader.uint64('progress_hint'),
    optargs: reader.uint64('optargs_bitmask'),
    status: reader.uint32('status'),
  };
}

const ERRNO_NAME_MAX = 32;
const ERROR_TEXT_MAX = 65536;

/** Write the error of a reply; a text that is too long is cut. */
export function writeError(writer: XdrWriter, code: ErrorCode, text: string): void {
  writer.string(code);
  writer.string(cutText(text));
}

/** A warning with its word; a text that is too long is cut. */
export function warningMessage(text: string): Uint8Array {
  const writer = new XdrWriter(12 + WARNING_MAX);
  writer.uint32(WORD.WARNING);
  writer.string(cutText(text));
  return writer.bytes();
}

function cutText(text: string): string {
  // A character has at most three bytes for each unit of the string.
  if (text.length * 3 <= ERROR_TEXT_MAX) return text;
  return `${text.slice(0, Math.floor(ERROR_TEXT_MAX / 3) - 3)}...`;
}

/**
 * Read the error of a reply. A daemon may give none or an unknown errno name: EIO stands for none, EINVAL for one
 * that this package has no code for.
 */
export function readError(reader: XdrReader): GuestfsError {
  const name = reader.string('errno', ERRNO_NAME_MAX);
  const text = reader.string('error message', ERROR_TEXT_MAX);
  if (name === 'ENOTSUP' || name === 'EOPNOTSUPP') return new UnsupportedError(text);
  return new GuestfsError(isErrorCode(name) ? name : name === '' ? 'EIO' : 'EINVAL', text);
}

/** How far a call has come. */
export interface Progress {
  procedure: number;
  serial: number;
  position: number;
  total: number;
}

/** A progress message with its word. */
export function progressMessage({ procedure, serial, position, total }: Progress): Uint8Array {
  const bytes = new Uint8Array(4 + PROGRESS_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, WORD.PROGRESS);
  view.setUint32(4, procedure);
  view.setUint32(8, serial);
  view.setBigUint64(12, BigInt(Math.floor(position)));
  view.setBigUint64(20, BigInt(Math.floor(total)));
  return bytes;
}

/** Read a progress message after its word: numbers beyond 2^53 lose their last bits, as nobody minds here. */
export function readProgress(reader: XdrReader): Progress {
  return {
    procedure: reader.uint32('procedure'),
    serial: reader.uint32('serial'),
    position: Number(reader.uint64('position')),
    total: Number(reader.uint64('total')),
  };
}

/** A word alone. */
export function wordBytes(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word);
  return bytes;
}

/** Bytes of a chunk with its length word. */
export function chunkLength(data: number): number {
  return 4 + CHUNK_HEADER + Math.ceil(data / 4) * 4;
}

/** Write what stands before the data of a chunk, length word included; returns where the data begins. */
export function putChunkHeader(view: DataView, at: number, data: number, cancel: boolean): number {
  view.setUint32(at, chunkLength(data) - 4);
  view.setInt32(at + 4, cancel ? 1 : 0);
  view.setUint32(at + 8, data);
  return at + 12;
}

/** A chunk without data: the end of a stream, or its cancellation. */
export function emptyChunk(cancel: boolean): Uint8Array {
  const bytes = new Uint8Array(chunkLength(0));
  putChunkHeader(new DataView(bytes.buffer), 0, 0, cancel);
  return bytes;
}

/** A chunk's data and whether it cancels. Throws EPROTO where the message is no chunk of at most `max` bytes. */
export function readChunk(message: Uint8Array, max: number): { cancel: boolean; data: Uint8Array } {
  const reader = new XdrReader(message);
  const cancel = reader.int32('cancel');
  if (cancel !== 0 && cancel !== 1) {
    throw new GuestfsError('EPROTO', `a chunk's cancel word is ${cancel}, expected 0 or 1`);
  }
  const data = reader.opaque('chunk', max);
  if (reader.left !== 0) throw new GuestfsError('EPROTO', `a chunk has ${reader.left} bytes after its data`);
  return { cancel: cancel === 1, data };
}
