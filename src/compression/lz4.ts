/**
 * Decode one LZ4 block into `output` from `start`; matches may reach back into what `output` holds before. Returns
 * the end of what was written, -1 where the block is damaged or does not fit.
 *
 * Source: "LZ4 Block Format Description" (lz4_Block_format.md).
 */
export function lz4Block(input: Uint8Array, output: Uint8Array, start = 0): number {
  const inputEnd = input.length;
  const outputEnd = output.length;
  let from = 0;
  let to = start;
  while (from < inputEnd) {
    const token = input[from++] as number;
    let literals = token >>> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (from >= inputEnd) return -1;
        more = input[from++] as number;
        literals += more;
      } while (more === 255);
    }
    if (literals > 0) {
      if (from + literals > inputEnd || to + literals > outputEnd) return -1;
      if (literals < 32) for (const stop = to + literals; to < stop;) output[to++] = input[from++] as number;
      else {
        output.set(input.subarray(from, from + literals), to);
        to += literals;
        from += literals;
      }
    }
    // The last sequence has literals only.
    if (from === inputEnd) return to;
    if (from + 2 > inputEnd) return -1;
    const distance = (input[from] as number) | ((input[from + 1] as number) << 8);
    from += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more: number;
      do {
        if (from >= inputEnd) return -1;
        more = input[from++] as number;
        length += more;
      } while (more === 255);
    }
    if (distance === 0 || distance > to || to + length > outputEnd) return -1;
    if (distance >= length && length > 32) {
      output.copyWithin(to, to - distance, to - distance + length);
      to += length;
    } else for (const stop = to + length; to < stop; to++) output[to] = output[to - distance] as number;
  }
  return to;
}
