import { GuestfsError, UnsupportedError } from '../../errors/index.ts';
import type { LvmCapability, LvmVolumeReport } from '../../platform/lvm-capability.ts';
import { dashedUuid, devicePath } from '../../volumes/lvm2/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';

/** The platform's LVM. */
function lvm({ platform }: ActionContext): LvmCapability {
  if (platform.lvm === undefined) {
    throw new UnsupportedError(
      `the ${platform.name} platform has no LVM; the engine and the appliance have it`,
    );
  }
  return platform.lvm;
}

const MIB = 1024 * 1024;

/** The canonical name of a device. Throws ENOENT. */
function canonical({ platform }: ActionContext, device: string): string {
  return platform.devices.find(device).name;
}

/** The volume that a device name stands for. Throws ENOENT where there is no such device, EINVAL where it is no LV. */
function volumeOf(context: ActionContext, name: string): LvmVolumeReport {
  const device = context.platform.devices.find(name);
  const path = lvm(context).canonicalName(device.name);
  const volume = lvm(context)
    .logicalVolumes()
    .find((candidate) => devicePath(candidate.vgName, candidate.lvName) === path);
  if (volume === undefined) {
    throw new GuestfsError('EINVAL', `${name}: not a logical volume`, { device: name });
  }
  return volume;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** LVM2, as lvm(8) shows it. */
export const lvmActions = {
  pvs: (context) => lvm(context).physicalVolumeNames(),

  vgs: (context) =>
    lvm(context)
      .volumeGroups()
      .map(({ vgName }) => vgName)
      .toSorted(byName),

  /** Inactive volumes too, but none that activation skips: that is what libguestfs asks lvs(8) for. */
  lvs: (context) => lvm(context).listedNames(),

  pvs_full: (context) => lvm(context).physicalVolumes(),

  vgs_full: (context) => lvm(context).volumeGroups(),

  lvs_full: (context) =>
    lvm(context)
      .logicalVolumes()
      .map(
        ({ vgName: _group, active: _active, public: _public, skipActivation: _skip, ...report }) => report,
      ),

  pvuuid(context, device) {
    const { name } = context.platform.devices.find(device);
    const volume = lvm(context)
      .physicalVolumes()
      .find(({ pvName }) => pvName === name);
    if (volume === undefined) {
      throw new GuestfsError('EINVAL', `${device}: not a physical volume`, { device });
    }
    return dashedUuid(volume.pvUuid);
  },

  vguuid(context, vgname) {
    const group = lvm(context)
      .volumeGroups()
      .find(({ vgName }) => vgName === vgname);
    if (group === undefined) throw new GuestfsError('ENOENT', `${vgname}: no such volume group`);
    return dashedUuid(group.vgUuid);
  },

  lvuuid: (context, device) => dashedUuid(volumeOf(context, device).lvUuid),

  vgpvuuids: (context, vgname) => lvm(context).physicalVolumeUuids(vgname),

  vglvuuids: (context, vgname) => lvm(context).logicalVolumeUuids(vgname),

  vgmeta: (context, vgname) => lvm(context).metadata(vgname),

  is_lv(context, mountable) {
    // A subvolume is no LV, whatever the filesystem is on.
    if (mountable.startsWith('btrfsvol:')) return false;
    const device = context.platform.devices.find(mountable);
    return lvm(context).canonicalName(device.name) !== undefined;
  },

  lvm_canonical_lv_name(context, lvname) {
    if (!lvname.startsWith('/dev/')) {
      throw new GuestfsError('EINVAL', `${lvname}: not a device name, expected one that begins with /dev/`);
    }
    const device = context.platform.devices.find(lvname);
    const name = lvm(context).canonicalName(device.name);
    if (name === undefined) {
      throw new GuestfsError('EINVAL', `${lvname}: not a logical volume`, { device: lvname });
    }
    return name;
  },

  lvm_scan: (context, activate) => lvm(context).scan(activate),

  vgscan: (context) => lvm(context).scan(false),

  vg_activate(context, activate, volgroups) {
    lvm(context).activate(activate, volgroups.length === 0 ? undefined : volgroups);
  },

  vg_activate_all: (context, activate) => lvm(context).activate(activate),

  lvm_set_filter(context, devices) {
    const names = devices.map((device) => {
      const { name, kind } = context.platform.devices.find(device);
      if (kind === 'lv') {
        throw new GuestfsError(
          'EINVAL',
          `${device}: a filter takes drives and partitions, no logical volumes`,
          {
            device,
          },
        );
      }
      return name;
    });
    lvm(context).setFilter(names);
  },

  lvm_clear_filter: (context) => lvm(context).setFilter(undefined),

  // Writing.

  pvcreate: (context, device) => lvm(context).write.createPhysicalVolume(canonical(context, device)),

  pvremove: (context, device) => lvm(context).write.removePhysicalVolume(canonical(context, device)),

  pvresize: (context, device) => lvm(context).write.resizePhysicalVolume(canonical(context, device)),

  pvresize_size: (context, device, size) =>
    lvm(context).write.resizePhysicalVolume(canonical(context, device), size),

  pvchange_uuid: (context, device) => lvm(context).write.changePhysicalVolumeUuid(canonical(context, device)),

  pvchange_uuid_all: (context) => lvm(context).write.changePhysicalVolumeUuid(),

  vgcreate: (context, volgroup, physvols) =>
    lvm(context).write.createVolumeGroup(
      volgroup,
      physvols.map((device) => canonical(context, device)),
    ),

  vgremove: (context, vgname) => lvm(context).write.removeVolumeGroup(vgname),

  vgrename: (context, volgroup, newvolgroup) => lvm(context).write.renameVolumeGroup(volgroup, newvolgroup),

  vgchange_uuid: (context, vg) => lvm(context).write.changeVolumeGroupUuid(vg),

  vgchange_uuid_all: (context) => lvm(context).write.changeVolumeGroupUuid(),

  lvcreate: (context, logvol, volgroup, mbytes) =>
    lvm(context).write.createLogicalVolume(volgroup, logvol, { bytes: mbytes * MIB }),

  lvcreate_free: (context, logvol, volgroup, percent) =>
    lvm(context).write.createLogicalVolume(volgroup, logvol, { percentFree: percent }),

  lvremove: (context, device) => lvm(context).write.removeLogicalVolume(device),

  lvrename: (context, logvol, newlogvol) => lvm(context).write.renameLogicalVolume(logvol, newlogvol),

  lvresize: (context, device, mbytes) =>
    lvm(context).write.resizeLogicalVolume(device, { bytes: mbytes * MIB }),

  lvresize_free: (context, lv, percent) =>
    lvm(context).write.resizeLogicalVolume(lv, { percentFree: percent }),

  lvm_remove_all: (context) => lvm(context).write.removeAll(),
} satisfies Partial<DaemonActions>;
