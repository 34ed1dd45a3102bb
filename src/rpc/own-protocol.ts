/**
 * What daemon and library of this package agree on beyond the protocol of libguestfs: larger chunks, warnings, and the actions
 * that libguestfs answers in its library and that have no procedure number. The library asks with one call, which a
 * daemon of libguestfs answers with the error that it has for every unknown procedure.
 */
import { GuestfsError } from '../errors/index.ts';
import type { Attachment } from '../platform/attachment.ts';
import type { XdrReader } from './xdr/reader.ts';
import type { XdrWriter } from './xdr/writer.ts';

/** The procedure that asks. */
export const HELLO = 0x67660001;
/** The procedure that tells a machine which was stopped, and goes on elsewhere, what is new. */
export const ATTACH = 0x67660002;
/** Procedure of the first action without a number; the others follow in the order that the answer names them. */
export const OWN_ACTIONS = 0x67661000;
/** Version of the agreement: 2 brought warnings. */
const OWN_VERSION = 2;
/** First version whose library understands warnings. */
const WARNINGS_SINCE = 2;
/** Bytes of data in a chunk that this side takes. */
export const OWN_CHUNK = 128 * 1024;
const LEAST_CHUNK = 1024;
/** Bytes of the seed of {@link Attachment}. */
const SEED = 32;
const NANOSECONDS = 1_000_000_000;

/** What was agreed on. */
export interface Agreement {
  /** Bytes of data in a chunk at most, in both directions. */
  chunk: number;
  /** Actions that go as {@link OWN_ACTIONS} and following; a result follows the reply as a stream. */
  actions: readonly string[];
}

/** Write the question. */
export function writeHello(writer: XdrWriter): void {
  writer.uint32(OWN_VERSION);
  writer.uint32(OWN_CHUNK);
}

/** What the question says of the library: whether it takes warnings, and the bytes of data in a chunk that both sides take. */
export interface Hello {
  warnings: boolean;
  chunk: number;
}

/** Read the question. Throws EPROTO where it makes no sense. */
export function readHello(reader: XdrReader): Hello {
  const warnings = reader.uint32('version') >= WARNINGS_SINCE;
  return { warnings, chunk: checkedChunk(reader.uint32('chunk')) };
}

/** Write the answer. */
export function writeAgreement(writer: XdrWriter, { chunk, actions }: Agreement): void {
  writer.uint32(OWN_VERSION);
  writer.uint32(chunk);
  writer.strings(actions);
}

/** Read the answer. Throws EPROTO where it makes no sense. */
export function readAgreement(reader: XdrReader): Agreement {
  reader.uint32('version');
  return { chunk: checkedChunk(reader.uint32('chunk')), actions: reader.strings('actions') };
}

/** Write what is told with {@link ATTACH}. */
export function writeAttachment(writer: XdrWriter, { seconds, nanoseconds, seed, disks }: Attachment): void {
  writer.uint64(seconds);
  writer.uint32(nanoseconds);
  writer.opaque(seed);
  writer.uint32(disks);
}

/** Read it. Throws EPROTO for what makes no sense. */
export function readAttachment(reader: XdrReader): Attachment {
  const seconds = reader.safeUint64('seconds');
  const nanoseconds = reader.uint32('nanoseconds');
  const seed = reader.opaque('seed', SEED);
  const disks = reader.uint32('disks');
  if (nanoseconds >= NANOSECONDS) {
    throw new GuestfsError('EPROTO', `the time has ${nanoseconds} nanoseconds, at most ${NANOSECONDS - 1}`);
  }
  return { seconds, nanoseconds, seed, disks };
}

function checkedChunk(chunk: number): number {
  if (chunk < LEAST_CHUNK) {
    throw new GuestfsError(
      'EPROTO',
      `the peer takes chunks of ${chunk} bytes, expected ${LEAST_CHUNK} or more`,
    );
  }
  return Math.min(chunk, OWN_CHUNK);
}
