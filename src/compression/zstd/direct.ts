import type * as Zlib from 'node:zlib';
import { directStream, proves, type Direct } from '../direct.ts';
import { zlib } from '../node-zlib.ts';

/** What node:zlib has since 22.15 and 23.8. */
export interface NodeZstd {
  createZstdDecompress(options?: object): object;
  createZstdCompress(options?: object): Zlib.Gzip;
  zstdCompressSync(bytes: Uint8Array): Uint8Array;
  constants: { ZSTD_e_continue: number; ZSTD_e_end: number; ZSTD_c_compressionLevel: number };
}

/** Node's zstd, or undefined. */
export function nodeZstd(): NodeZstd | undefined {
  return 'createZstdDecompress' in zlib() ? (zlib() as unknown as NodeZstd) : undefined;
}

/** Node's zstd decoder called directly, or undefined where it is missing or does not prove itself. */
export function directZstd(): Direct | undefined {
  const node = nodeZstd();
  if (node === undefined) return undefined;
  const direct = directStream(() => node.createZstdDecompress(), node.constants.ZSTD_e_continue);
  const sample = new Uint8Array(4000).map((_, i) => (i * i) % 251);
  return direct !== undefined && proves(direct, sample, node.zstdCompressSync(sample)) ? direct : undefined;
}
