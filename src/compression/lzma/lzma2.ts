import { CorruptError } from '../../errors/index.ts';
import type { ByteQueue } from '../queue.ts';
import { need } from '../transform.ts';
import { LzmaDecoder } from './decoder.ts';

const WHAT = 'LZMA2 chunk';

/** Dictionary size that the one-byte property of LZMA2 stands for. */
export function lzma2DictionarySize(property: number): number {
  if (property > 40) throw new CorruptError(WHAT, `dictionary property is ${property}, expected at most 40`);
  return property === 40 ? 0xffffffff : (2 | (property & 1)) * 2 ** ((property >> 1) + 11);
}

/** Decode the chunks of LZMA2 up to the end marker. Source: xz-file-format, 5.3.1, and the LZMA SDK's notes. */
export function* lzma2(
  queue: ByteQueue,
  dictionarySize: number,
): Generator<Uint8Array | undefined, void, void> {
  const decoder = new LzmaDecoder(dictionarySize);
  let needDictionary = true;
  let needProperties = true;
  let needState = true;
  for (;;) {
    yield* need(queue, 1, WHAT);
    const control = queue.peek(1)[0] as number;
    if (control === 0) {
      queue.take(1);
      return;
    }
    const resetsDictionary = control === 1 || control >= 0xe0;
    if (control > 2 && control < 0x80) {
      throw new CorruptError(WHAT, `control byte is ${control}, expected 0 to 2 or 128 and above`);
    }
    if (needDictionary && !resetsDictionary) {
      throw new CorruptError(WHAT, 'the first chunk does not reset the dictionary');
    }
    if (resetsDictionary) decoder.resetDictionary();
    needDictionary = false;
    if (control < 0x80) {
      yield* need(queue, 3, WHAT);
      const head = queue.take(3);
      const length = ((head[1] as number) << 8) + (head[2] as number) + 1;
      yield* need(queue, length, WHAT);
      decoder.copy(queue.take(length));
      yield decoder.drain();
      continue;
    }
    const withProperties = control >= 0xc0;
    const headLength = withProperties ? 6 : 5;
    yield* need(queue, headLength, WHAT);
    const head = queue.take(headLength);
    const unpacked = ((control & 0x1f) << 16) + ((head[1] as number) << 8) + (head[2] as number) + 1;
    const packed = ((head[3] as number) << 8) + (head[4] as number) + 1;
    if (withProperties) {
      decoder.setProperties(head[5] as number);
      needProperties = needState = false;
    } else if (needProperties) throw new CorruptError(WHAT, 'the first compressed chunk has no properties');
    else if (control >= 0xa0) {
      decoder.resetState();
      needState = false;
    } else if (needState) throw new CorruptError(WHAT, 'the first compressed chunk does not reset the state');
    yield* need(queue, packed, WHAT);
    const input = queue.take(packed);
    decoder.start(input, 0);
    if (
      !decoder.decode(unpacked) ||
      decoder.pending > 0 ||
      decoder.inputPosition !== packed ||
      !decoder.finished
    ) {
      throw new CorruptError(WHAT, `the data do not end with the chunk of ${unpacked} bytes`);
    }
    yield decoder.drain();
  }
}
