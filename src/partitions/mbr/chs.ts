/** Heads and sectors per track that partitioners make up. */
const HEADS = 255;
const SECTORS = 63;
const MAX_CYLINDER = 1023;

/**
 * The address of a sector in cylinder, head and sector as an entry holds it, for a geometry of 255 heads of 63
 * sectors; beyond cylinder 1023 the last one, as parted(8) and sfdisk(8) write it.
 */
export function chsAddress(lba: number): Uint8Array {
  const cylinder = Math.floor(lba / (HEADS * SECTORS));
  if (cylinder > MAX_CYLINDER) return Uint8Array.of(0xfe, 0xff, 0xff);
  const head = Math.floor(lba / SECTORS) % HEADS;
  const sector = (lba % SECTORS) + 1;
  return Uint8Array.of(head, sector | ((cylinder >> 8) << 6), cylinder & 0xff);
}
