import type { OptionSpec, ToolSpec } from '../common/spec.ts';
import { valuedOption } from '../common/valued-option.ts';

const common: readonly OptionSpec[] = [
  { name: 'help', long: ['help'], help: 'show this help' },
  { name: 'quiet', short: 'q', long: ['quiet'], help: 'show no progress and print no summary' },
  { name: 'version', short: 'V', long: ['version'], help: 'show the version' },
];

const backing = valuedOption(
  'allow-backing',
  'none|folder|any',
  'which backing files the image may open (default none if its format is detected, else folder)',
);
const workingBacking = valuedOption(
  'allow-backing',
  'none|folder|any',
  "which backing files the image may open (default those in the image's folder)",
);
const format = valuedOption('format', 'raw|qcow2', 'format of the image (default: detected)', { short: 'f' });
const preallocation = valuedOption(
  'preallocation',
  'off|metadata|falloc|full',
  'what is set aside from the start (default off)',
);
const compat = valuedOption('compat', '0.10|1.1', 'version of qcow2 (default 1.1)');
const clusterSize = valuedOption('cluster-size', 'SIZE', 'size of the clusters of qcow2 (default 64K)');

function spec(name: string, summary: string, usage: string, ...options: readonly OptionSpec[]): ToolSpec {
  const key = (option: OptionSpec): string => option.long?.[0] ?? '';
  return {
    name: `guestfs ${name}`,
    summary,
    usage: [usage],
    options: [...common, ...options].toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
    examples: [],
  };
}

/** Command lines of the subcommands of guestfs that work on disk images as such. */
export const imageSpecs = {
  create: spec(
    'create',
    'make an empty disk image',
    '[OPTION...] DISK SIZE',
    valuedOption(
      'format',
      'raw|qcow2',
      'format of the image (default by its name: qcow2 if it ends in .qcow2, else raw)',
      { short: 'f' },
    ),
    preallocation,
    compat,
    clusterSize,
  ),
  convert: spec(
    'convert',
    'copy a disk image into another format',
    '[OPTION...] DISK NEW-DISK',
    backing,
    format,
    valuedOption(
      'output-format',
      'raw|qcow2',
      'format of NEW-DISK (default by its name: raw if it ends in .raw or .img, else qcow2)',
      { short: 'O' },
    ),
    {
      name: 'compress',
      short: 'c',
      long: ['compress'],
      value: 'optional',
      placeholder: 'zlib|zstd',
      help: 'compress the clusters (default method zlib)',
    },
    valuedOption(
      'threads',
      'N',
      'threads that compress (default: as many as there are processors, 4 at most)',
    ),
    {
      name: 'keep-backing',
      long: ['keep-backing'],
      help: 'keep the backing file, and copy only what lies over it',
    },
    valuedOption('snapshot', 'NAME', 'take an internal snapshot instead of the present state', {
      short: 'l',
    }),
    preallocation,
    compat,
    clusterSize,
  ),
  'resize-image': spec(
    'resize-image',
    'give a disk image another size',
    '[OPTION...] DISK [+|-]SIZE',
    workingBacking,
    format,
    { name: 'shrink', long: ['shrink'], help: 'allow a smaller size: what lies behind it is lost' },
  ),
  compact: spec(
    'compact',
    'give back what a disk image does not need',
    '[OPTION...] DISK...',
    workingBacking,
    format,
    { name: 'in-place', long: ['in-place'], help: 'never make a second file: the image gets holes instead' },
  ),
  overlay: spec(
    'overlay',
    'make an overlay that keeps a disk image as it is',
    '[OPTION...] BASE OVERLAY',
    valuedOption('format', 'raw|qcow2', 'format of BASE (default: detected)', { short: 'f' }),
    valuedOption('size', 'SIZE', 'size of the disk (default that of BASE)'),
    clusterSize,
  ),
  commit: spec(
    'commit',
    'write what is in an overlay into its base',
    '[OPTION...] OVERLAY',
    workingBacking,
    { name: 'keep', long: ['keep'], help: 'leave the overlay as it is' },
    { name: 'remove', long: ['remove'], help: 'remove the overlay afterwards' },
  ),
  discard: spec('discard', 'remove an overlay and what was written to it', '[OPTION...] OVERLAY...'),
} as const satisfies Readonly<Record<string, ToolSpec>>;

/** A subcommand that works on images. */
export type ImageCommand = keyof typeof imageSpecs;
