/**
 * Decode one LZO1X block into `output`. Returns how many bytes were written, -1 where the block is damaged or does
 * not fit.
 *
 * Source: the description of the stream in the Linux kernel's documentation ("LZO stream format as understood by
 * Linux' LZO decompressor", 2014).
 */
export function lzo1x(input: Uint8Array, output: Uint8Array): number {
  const inputEnd = input.length;
  const outputEnd = output.length;
  let from = 0;
  let to = 0;
  // 0 to 3: literals that followed the last match; 4: a run of literals was the last thing.
  let state = 0;
  const first = input[0];
  if (first === undefined) return -1;
  if (first > 17) {
    const count = first - 17;
    from = 1;
    if (from + count > inputEnd || to + count > outputEnd) return -1;
    for (let i = 0; i < count; i++) output[to++] = input[from++] as number;
    state = count < 4 ? count : 4;
  }
  /** A length whose short field was 0: each zero byte adds 255, the first other byte ends it. */
  let extended = 0;
  const readExtended = (): boolean => {
    extended = 0;
    while (from < inputEnd && input[from] === 0) {
      extended += 255;
      from++;
    }
    if (from >= inputEnd) return false;
    extended += input[from++] as number;
    return true;
  };
  while (from < inputEnd) {
    const instruction = input[from++] as number;
    let length: number;
    let distance: number;
    let trailing: number;
    if (instruction < 16 && state === 0) {
      length = instruction + 3;
      if (instruction === 0) {
        if (!readExtended()) return -1;
        length = 18 + extended;
      }
      if (from + length > inputEnd || to + length > outputEnd) return -1;
      output.set(input.subarray(from, from + length), to);
      from += length;
      to += length;
      state = 4;
      continue;
    }
    if (instruction >= 64) {
      if (from >= inputEnd) return -1;
      length = (instruction >> 5) + 1;
      distance = ((input[from++] as number) << 3) + ((instruction >> 2) & 7) + 1;
      trailing = instruction & 3;
    } else if (instruction >= 16) {
      const long = instruction >= 32;
      const mask = long ? 31 : 7;
      length = (instruction & mask) + 2;
      if ((instruction & mask) === 0) {
        if (!readExtended()) return -1;
        length = mask + 2 + extended;
      }
      if (from + 2 > inputEnd) return -1;
      const pair = (input[from] as number) | ((input[from + 1] as number) << 8);
      from += 2;
      distance = long ? (pair >> 2) + 1 : 16384 + ((instruction & 8) << 11) + (pair >> 2);
      trailing = pair & 3;
      // The end marker.
      if (distance === 16384 && !long) return to;
    } else {
      if (from >= inputEnd) return -1;
      length = state === 4 ? 3 : 2;
      distance = ((input[from++] as number) << 2) + ((instruction >> 2) & 3) + (state === 4 ? 2049 : 1);
      trailing = instruction & 3;
    }
    if (distance > to || to + length > outputEnd) return -1;
    for (const stop = to + length; to < stop; to++) output[to] = output[to - distance] as number;
    if (from + trailing > inputEnd || to + trailing > outputEnd) return -1;
    for (let i = 0; i < trailing; i++) output[to++] = input[from++] as number;
    state = trailing;
  }
  // Without an end marker the block was cut.
  return -1;
}
