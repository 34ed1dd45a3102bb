import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../errors/index.ts';
import type {
  LvmCapability,
  LvmVolumeReport,
  PhysicalVolumeReport,
  VolumeGroupReport,
} from '../lvm-capability.ts';
import type { LinuxDeviceTable } from './device-table.ts';
import { withFolder } from './folder.ts';
import { LvmCommand, type LvmHost, type Row } from './lvm-command.ts';
import { LinuxLvmWriting } from './lvm-writing.ts';
import { mapperDevices, sysNames } from './sysfs.ts';

const PV_FIELDS = [
  'pv_name', 'pv_uuid', 'pv_fmt', 'pv_size', 'dev_size', 'pv_free', 'pv_used', 'pv_attr', 'pv_pe_count',
  'pv_pe_alloc_count', 'pv_tags', 'pe_start', 'pv_mda_count', 'pv_mda_free',
]; // prettier-ignore
const VG_FIELDS = [
  'vg_name', 'vg_uuid', 'vg_fmt', 'vg_attr', 'vg_size', 'vg_free', 'vg_sysid', 'vg_extent_size', 'vg_extent_count',
  'vg_free_count', 'max_lv', 'max_pv', 'pv_count', 'lv_count', 'snap_count', 'vg_seqno', 'vg_tags', 'vg_mda_count',
  'vg_mda_free',
]; // prettier-ignore
const LV_FIELDS = [
  'lv_name', 'lv_uuid', 'lv_attr', 'lv_major', 'lv_minor', 'lv_kernel_major', 'lv_kernel_minor', 'lv_size',
  'seg_count', 'origin', 'snap_percent', 'copy_percent', 'move_pv', 'lv_tags', 'mirror_log', 'modules',
]; // prettier-ignore

/** LVM2 by lvm(8). */
export class LinuxLvm implements LvmCapability {
  readonly write: LinuxLvmWriting;
  readonly #command: LvmCommand;
  readonly #devices: LinuxDeviceTable;
  readonly #inUse: (volume: string) => boolean;

  /** `inUse` tells whether the logical volume of that name is mounted. */
  constructor(host: LvmHost, inUse: (volume: string) => boolean) {
    this.#command = new LvmCommand(host);
    this.#devices = host.devices;
    this.#inUse = inUse;
    this.write = new LinuxLvmWriting(this, this.#command, host.devices);
  }

  physicalVolumeNames(): string[] {
    return this.physicalVolumes()
      .map(({ pvName }) => pvName)
      .filter((name) => name.startsWith('/'))
      .toSorted();
  }

  physicalVolumes(): PhysicalVolumeReport[] {
    return this.#command.report('pvs', PV_FIELDS).map((row) => ({
      pvName: this.#deviceName(text(row, 'pv_name')),
      pvUuid: uuid(row, 'pv_uuid'),
      pvFmt: text(row, 'pv_fmt'),
      pvSize: count(row, 'pv_size'),
      devSize: count(row, 'dev_size'),
      pvFree: count(row, 'pv_free'),
      pvUsed: count(row, 'pv_used'),
      pvAttr: text(row, 'pv_attr'),
      pvPeCount: count(row, 'pv_pe_count'),
      pvPeAllocCount: count(row, 'pv_pe_alloc_count'),
      pvTags: text(row, 'pv_tags'),
      peStart: count(row, 'pe_start'),
      pvMdaCount: count(row, 'pv_mda_count'),
      pvMdaFree: count(row, 'pv_mda_free'),
    }));
  }

  volumeGroups(): VolumeGroupReport[] {
    return this.#command.report('vgs', VG_FIELDS).map((row) => ({
      vgName: text(row, 'vg_name'),
      vgUuid: uuid(row, 'vg_uuid'),
      vgFmt: text(row, 'vg_fmt'),
      vgAttr: text(row, 'vg_attr'),
      vgSize: count(row, 'vg_size'),
      vgFree: count(row, 'vg_free'),
      vgSysid: text(row, 'vg_sysid'),
      vgExtentSize: count(row, 'vg_extent_size'),
      vgExtentCount: count(row, 'vg_extent_count'),
      vgFreeCount: count(row, 'vg_free_count'),
      maxLv: count(row, 'max_lv'),
      maxPv: count(row, 'max_pv'),
      pvCount: count(row, 'pv_count'),
      lvCount: count(row, 'lv_count'),
      snapCount: count(row, 'snap_count'),
      vgSeqno: count(row, 'vg_seqno'),
      vgTags: text(row, 'vg_tags'),
      vgMdaCount: count(row, 'vg_mda_count'),
      vgMdaFree: count(row, 'vg_mda_free'),
    }));
  }

  logicalVolumes(): LvmVolumeReport[] {
    return this.#command
      .report('lvs', [...LV_FIELDS, 'vg_name', 'lv_active', 'lv_role', 'lv_skip_activation'])
      .map((row) => ({
        lvName: text(row, 'lv_name'),
        lvUuid: uuid(row, 'lv_uuid'),
        lvAttr: text(row, 'lv_attr'),
        lvMajor: count(row, 'lv_major'),
        lvMinor: count(row, 'lv_minor'),
        lvKernelMajor: count(row, 'lv_kernel_major'),
        lvKernelMinor: count(row, 'lv_kernel_minor'),
        lvSize: count(row, 'lv_size'),
        segCount: count(row, 'seg_count'),
        origin: text(row, 'origin'),
        snapPercent: percent(row, 'snap_percent'),
        copyPercent: percent(row, 'copy_percent'),
        movePv: this.#deviceName(text(row, 'move_pv')),
        lvTags: text(row, 'lv_tags'),
        mirrorLog: text(row, 'mirror_log'),
        modules: text(row, 'modules'),
        vgName: text(row, 'vg_name'),
        active: text(row, 'lv_active').includes('active'),
        public: text(row, 'lv_role').split(',').includes('public'),
        skipActivation: text(row, 'lv_skip_activation') !== '',
      }));
  }

  listedNames(): string[] {
    return this.logicalVolumes()
      .filter((volume) => volume.public && !volume.skipActivation)
      .map(({ vgName, lvName }) => `/dev/${vgName}/${lvName}`)
      .toSorted();
  }

  physicalVolumeUuids(volumeGroup: string): string[] {
    this.#wantGroups([volumeGroup]);
    return this.#command.report('vgs', ['pv_uuid'], '--', volumeGroup).map((row) => text(row, 'pv_uuid'));
  }

  logicalVolumeUuids(volumeGroup: string): string[] {
    this.#wantGroups([volumeGroup]);
    return this.#command.report('lvs', ['lv_uuid'], '--', volumeGroup).map((row) => text(row, 'lv_uuid'));
  }

  canonicalName(name: string): string | undefined {
    return mapperDevices().find(
      ({ kernel, name: mapper, volume }) =>
        volume !== undefined &&
        (name === volume || name === `/dev/mapper/${mapper}` || name === `/dev/${kernel}`),
    )?.volume;
  }

  activeVolumesOn(device: string): string[] {
    const kernel = this.#devices.node(device).slice('/dev/'.length);
    const above = new Set<string>();
    const collect = (name: string): void => {
      for (const holder of sysNames(`/sys/class/block/${name}/holders`)) {
        if (above.has(holder)) continue;
        above.add(holder);
        collect(holder);
      }
    };
    collect(kernel);
    return mapperDevices()
      .flatMap((found) => (found.volume !== undefined && above.has(found.kernel) ? [found.volume] : []))
      .toSorted();
  }

  hiddenMapperNames(): string[] {
    return mapperDevices()
      .filter((found) => found.uuid.startsWith('LVM-') && found.volume === undefined)
      .map(({ name }) => name)
      .toSorted();
  }

  metadata(volumeGroup: string): Uint8Array {
    this.#wantGroups([volumeGroup]);
    return withFolder((folder) => {
      const file = join(folder, 'metadata');
      this.#command.run(['vgcfgbackup', '--file', file, '--', volumeGroup]);
      return readFileSync(file);
    });
  }

  scan(activate: boolean): void {
    this.#command.run(['vgscan']);
    if (activate) this.activate(true);
  }

  activate(active: boolean, volumeGroups?: readonly string[]): void {
    if (volumeGroups !== undefined && volumeGroups.length > 0) this.#wantGroups(volumeGroups);
    this.#command.run([
      'vgchange',
      active ? '-aay' : '-an',
      ...(volumeGroups === undefined ? [] : ['--', ...volumeGroups]),
    ]);
  }

  setFilter(devices: readonly string[] | undefined): void {
    const used = this.#devices.logicalVolumes().find(({ name }) => this.#inUse(name));
    if (used !== undefined) {
      throw new GuestfsError('EBUSY', `${used.name} is mounted: unmount it before the filter changes`, {
        device: used.name,
      });
    }
    this.#command.run(['vgchange', '-an']);
    this.#command.setFilter(devices?.map((name) => this.#devices.find(name).name));
    this.scan(true);
  }

  /** Throws ENOENT where one of the groups is not there. */
  #wantGroups(names: readonly string[]): void {
    const groups = this.#command.report('vgs', ['vg_name']).map((row) => text(row, 'vg_name'));
    const missing = names.find((name) => !groups.includes(name));
    if (missing === undefined) return;
    throw new GuestfsError(
      'ENOENT',
      `there is no volume group ${missing}, there are: ${groups.join(', ') || 'none'}`,
    );
  }

  #deviceName(node: string): string {
    return node.startsWith('/dev/') ? (this.#devices.nameOfNode(node) ?? node) : node;
  }
}

function text(row: Row, field: string): string {
  return row[field] ?? '';
}

function uuid(row: Row, field: string): string {
  return text(row, field).replaceAll('-', '');
}

/** A number; -1 where there is none. */
function count(row: Row, field: string): number {
  const value = text(row, field);
  return /^-?\d+$/.test(value) ? Number(value) : -1;
}

function percent(row: Row, field: string): number {
  const value = text(row, field);
  return value === '' ? -1 : Number(value);
}
