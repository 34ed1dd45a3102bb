import { roundUp } from '../../bytes/round.ts';
import { humanSize } from '../common/human.ts';
import { parseSize } from '../common/size.ts';
import { ToolError, UsageError } from '../common/usage-error.ts';

/** A partition of the source disk; lengths in bytes. */
export interface SourcePartition {
  /** `/dev/sda1` */
  device: string;
  number: number;
  start: number;
  size: number;
  /** Holds logical partitions, which are copied with it. */
  extended: boolean;
}

/** What is asked for one partition. */
export type Request =
  | { kind: 'keep' }
  | { kind: 'delete' }
  /** Make the partition and leave it empty. */
  | { kind: 'ignore' }
  /** Bytes; `force` allows to lose what lies behind the new end. */
  | { kind: 'resize'; size: number; force: boolean }
  | { kind: 'expand' }
  | { kind: 'shrink' };

/** What the layout has to keep to. */
export interface PlanInput {
  partitions: readonly SourcePartition[];
  requests: ReadonlyMap<string, Request>;
  /** Bytes of the target disk. */
  targetSize: number;
  sectorSize: number;
  /** Sectors. */
  alignment: number;
  table: 'mbr' | 'gpt';
  /** Move the first partition to a multiple of the alignment. */
  alignFirst: boolean;
  /** Make a partition of what is left over. */
  extra: boolean;
}

/** A partition of the target disk; lengths in bytes. */
export interface PlannedPartition {
  source: SourcePartition;
  request: Request;
  start: number;
  size: number;
}

/** The target's layout. */
export interface Plan {
  partitions: PlannedPartition[];
  /** Bytes behind the last partition that nothing uses. */
  surplus: number;
  /** A partition of the surplus. */
  extra: { start: number; size: number } | undefined;
}

/** Sectors at the end that a GPT keeps for its copy, rounded up. */
const GPT_END = 64;
/** A surplus below this is not worth a partition. */
const SMALLEST_EXTRA = 10 * 1024 * 1024;
/** Partitions that an MBR has room for. */
const MBR_PARTITIONS = 4;

/** `/dev/sda1=10G`, `=+1G`, `=-200M`, `=90%`, `=+10%`: the new size in bytes. Throws UsageError. */
export function newSize(text: string, old: number, what: string): number {
  const match = /^([+-]?)(.+?)(%?)$/.exec(text);
  const [, sign = '', value = '', percent = ''] = match ?? [];
  const amount = percent === '%' ? (old * Number(value)) / 100 : parseSize(value, what);
  const size = sign === '' ? amount : sign === '+' ? old + amount : old - amount;
  if (!Number.isFinite(size) || size <= 0)
    throw new UsageError(`${what}: ${text} of ${humanSize(old)} leaves nothing`);
  return Math.round(size);
}

/**
 * Lay the partitions out on the target, in their order, each aligned. Throws ToolError where they do not fit, with how
 * much is missing.
 */
export function planLayout(input: PlanInput): Plan {
  const { sectorSize, alignment, table, targetSize } = input;
  const unit = alignment * sectorSize;
  const end = Math.floor(targetSize / sectorSize) * sectorSize - (table === 'gpt' ? GPT_END * sectorSize : 0);
  const kept = input.partitions
    .filter(({ device }) => requestOf(input, device).kind !== 'delete')
    .toSorted((a, b) => a.start - b.start)
    .map((source) => ({ source, request: requestOf(input, source.device), size: wantedSize(input, source) }));
  const place = (): { partitions: PlannedPartition[]; surplus: number } => {
    // Where the first partition was, be it deleted: its room is for those behind it.
    let at = Math.min(...input.partitions.map(({ start }) => start));
    const partitions = kept.map(({ source, request, size }, index) => {
      const stays = index === 0 && !input.alignFirst && source.start === at;
      const start = stays ? at : roundUp(at, unit);
      at = start + size;
      return { source, request, start, size };
    });
    return { partitions, surplus: end - roundUp(at, sectorSize) };
  };
  let placed = place();
  const flexible = kept.find(({ request }) => request.kind === 'expand' || request.kind === 'shrink');
  if (flexible !== undefined) {
    const { kind } = flexible.request;
    const { surplus } = placed;
    if (kind === 'expand' && surplus >= 0) flexible.size += Math.floor(surplus / sectorSize) * sectorSize;
    if (kind === 'shrink' && placed.surplus < 0) flexible.size -= roundUp(-placed.surplus, sectorSize);
    placed = place();
    // Aligning what comes behind may take a little more than there was.
    if (surplus >= 0 && placed.surplus < 0 && kind === 'expand') {
      flexible.size -= roundUp(-placed.surplus, unit);
      placed = place();
    }
    if (flexible.size <= 0) {
      throw new ToolError(
        `${flexible.source.device} would have to lose more than it has for the disk to fit`,
      );
    }
  }
  if (placed.surplus < 0) {
    throw new ToolError(
      `the partitions need ${humanSize(-placed.surplus)} more than the new disk of ${humanSize(targetSize)} has; ` +
        'make it larger, or take space from a partition with --shrink or --resize',
    );
  }
  checkMbr(input, placed.partitions);
  return { ...placed, extra: extraPartition(input, placed, unit, end) };
}

function requestOf({ requests }: PlanInput, device: string): Request {
  return requests.get(device) ?? { kind: 'keep' };
}

function wantedSize(input: PlanInput, source: SourcePartition): number {
  const request = requestOf(input, source.device);
  const size = request.kind === 'resize' ? request.size : source.size;
  return roundUp(size, input.sectorSize);
}

function checkMbr({ table, sectorSize }: PlanInput, partitions: readonly PlannedPartition[]): void {
  if (table !== 'mbr') return;
  const limit = 2 ** 32 * sectorSize;
  const beyond = partitions.find(({ start, size }) => start >= limit || size >= limit);
  if (beyond !== undefined) {
    throw new ToolError(
      `${beyond.source.device} would lie beyond ${humanSize(limit)}, which the disk's MBR cannot name; only a GPT can`,
    );
  }
}

function extraPartition(
  input: PlanInput,
  placed: { partitions: readonly PlannedPartition[]; surplus: number },
  unit: number,
  end: number,
): Plan['extra'] {
  const last = placed.partitions.at(-1);
  if (!input.extra || last === undefined || placed.surplus < SMALLEST_EXTRA) return undefined;
  if (input.table === 'mbr' && placed.partitions.length >= MBR_PARTITIONS) return undefined;
  const start = roundUp(last.start + last.size, unit);
  const size = Math.floor((end - start) / input.sectorSize) * input.sectorSize;
  return size < SMALLEST_EXTRA ? undefined : { start, size };
}
