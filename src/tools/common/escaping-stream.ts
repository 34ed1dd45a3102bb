import { Writable } from 'node:stream';
import type { Output } from './output.ts';

/** A stream onto a terminal that shows what the terminal would obey as escapes. */
export function escapingStream(output: Output): Writable {
  let rest: Uint8Array = new Uint8Array(0);
  return new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = all.length - incompleteTail(all);
      // A slice would keep the producer's buffer, which it may fill again.
      rest = Buffer.from(all.subarray(end));
      try {
        output.writeBytes(all.subarray(0, end));
        output.flush();
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    final(done) {
      try {
        output.writeBytes(rest);
        output.flush();
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** How many bytes at the end may begin a UTF-8 sequence (RFC 3629) that the next chunk completes. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}
