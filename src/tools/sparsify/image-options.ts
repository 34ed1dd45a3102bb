import type { ConvertOptions } from '../../images/index.ts';
import { parseSize } from '../common/size.ts';
import { UsageError } from '../common/usage-error.ts';

type Extra = Pick<
  ConvertOptions,
  'clusterSize' | 'compat' | 'compress' | 'extendedL2' | 'lazyRefcounts' | 'preallocation' | 'refcountBits'
>;

/** Options of `-o`, as qemu-img(1) has them, except that the method of compression counts only with `--compress`. */
export function parseImageOptions(text: string): Extra {
  const options: Extra = {};
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const [name, value] = equals < 0 ? [part, 'on'] : [part.slice(0, equals), part.slice(equals + 1)];
    take(options, name, value);
  }
  return options;
}

function take(options: Extra, name: string, value: string): void {
  const onOff = (): boolean => word(name, value, ['on', 'off']) === 'on';
  switch (name) {
    case 'cluster_size':
      options.clusterSize = parseSize(value, '-o cluster_size');
      return;
    case 'compat':
      options.compat = word(name, value.replace('v2', '0.10').replace('v3', '1.1'), ['0.10', '1.1']);
      return;
    case 'compression_type':
      options.compress = word(name, value, ['zlib', 'zstd']);
      return;
    case 'extended_l2':
      options.extendedL2 = onOff();
      return;
    case 'lazy_refcounts':
      options.lazyRefcounts = onOff();
      return;
    case 'preallocation':
      options.preallocation = word(name, value, ['off', 'metadata', 'falloc', 'full']);
      return;
    case 'refcount_bits':
      options.refcountBits = Number(value);
      return;
    default:
      throw new UsageError(
        `-o ${name}: this option is not known, expected cluster_size, compat, compression_type, extended_l2, ` +
          'lazy_refcounts, preallocation or refcount_bits',
      );
  }
}

function word<const T extends string>(name: string, value: string, words: readonly T[]): T {
  if ((words as readonly string[]).includes(value)) return value as T;
  throw new UsageError(`-o ${name}=${value}: expected ${words.join(' or ')}`);
}
