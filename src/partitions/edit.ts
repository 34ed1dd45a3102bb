import type { BlockDevice } from '../block/device.ts';
import { UnsupportedError } from '../errors/index.ts';
import type { PartitionEditor } from './editor.ts';
import { type GptEditor, newGpt, openGpt } from './gpt/editor.ts';
import { readPartitionTable } from './index.ts';
import { type MbrEditor, newMbr, openMbr } from './mbr/editor.ts';
import { readMbrSector } from './mbr/index.ts';
import { Mbr } from './mbr/layout.ts';
import type { PartitionTableOptions } from './table.ts';

export type { EditedPartition, PartitionEditor, PartitionKind } from './editor.ts';
export { GptEditor } from './gpt/editor.ts';
export { MbrEditor } from './mbr/editor.ts';

/**
 * The partition table of a disk for changing; null where it has none. Throws UnsupportedError naming a table of
 * another type than GPT and MBR, CorruptError where the table is too damaged to be changed.
 */
export function openPartitionTable(
  device: BlockDevice,
  options: PartitionTableOptions = {},
): PartitionEditor | null {
  const table = readPartitionTable(device, options);
  if (table === null) return null;
  if (table.type === 'gpt') return openGpt(device, table.sectorSize);
  const sector = readMbrSector(device);
  if (table.type === 'msdos' && sector !== undefined) return openMbr(device, sector);
  throw new UnsupportedError(
    `partition tables of type ${table.type} are recognised and not written here; the appliance backend writes them`,
  );
}

/**
 * An empty table for a disk, whatever it has now; nothing is written before `write`. Boot code of a table before it
 * is kept. Throws EINVAL where the disk is too small.
 */
export function newPartitionTable(device: BlockDevice, type: 'gpt'): GptEditor;
export function newPartitionTable(device: BlockDevice, type: 'msdos'): MbrEditor;
export function newPartitionTable(device: BlockDevice, type: 'gpt' | 'msdos'): PartitionEditor;
export function newPartitionTable(device: BlockDevice, type: 'gpt' | 'msdos'): PartitionEditor {
  const before = readPartitionTable(device);
  const known = before?.type === 'gpt' || before?.type === 'msdos';
  const sector = known ? readMbrSector(device) : undefined;
  const bootCode = sector === undefined ? undefined : Mbr.view(sector).boot_code.slice();
  if (type === 'msdos') return newMbr(device, bootCode);
  // Of a GPT that is replaced one copy stays whole while the other is written.
  const primaryGood =
    before?.type !== 'gpt' ||
    before.sectorSize !== device.sectorSize ||
    openGpt(device, device.sectorSize).primaryGood;
  const table = newGpt(device, device.sectorSize, primaryGood);
  table.bootCode = bootCode ?? new Uint8Array(440);
  return table;
}
