import type { CreateOptions } from './create.ts';
import type { QcowImageHeader } from './qcow2/index.ts';

/** What makes an empty qcow2 image of the same form as another, over the same backing file. */
export function sameForm(header: QcowImageHeader): CreateOptions {
  const { backingFile, version } = header;
  const { backingFormat } = header.extensions;
  return {
    format: 'qcow2',
    compat: version === 2 ? '0.10' : '1.1',
    clustersize: header.clusterSize,
    refcount_bits: header.refcountBits,
    ...(version === 2
      ? {}
      : {
          extended_l2: header.extendedL2,
          lazy_refcounts: header.lazyRefcounts,
          compression_type: header.compression,
        }),
    ...(backingFile === undefined ? {} : { backingfile: backingFile }),
    ...(backingFormat === undefined ? {} : { backingformat: backingFormat }),
  };
}
