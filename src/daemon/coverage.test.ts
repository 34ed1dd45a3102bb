import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allActions } from '../actions/all.ts';
import { planned } from '../actions/plan.ts';
import { handleActions } from '../handle/handle-actions.ts';
import { implementations } from './registry.ts';

/** Reading actions that are still without an implementation. This list only gets shorter. */
const MISSING: readonly string[] = [
  'tune2fs_l',
  'get_e2attrs',
  'get_e2generation',
  'vfs_minimum_size',
  'inspect_list_applications2',
  'inspect_get_icon',
  'inspect_get_osinfo',
  'inspect_os',
  'inspect_get_roots',
  'inspect_get_type',
  'inspect_get_arch',
  'inspect_get_distro',
  'inspect_get_major_version',
  'inspect_get_minor_version',
  'inspect_get_product_name',
  'inspect_get_package_format',
  'inspect_get_package_management',
  'inspect_get_hostname',
  'inspect_get_product_variant',
  'inspect_get_build_id',
  'inspect_get_mountpoints',
  'inspect_get_filesystems',
  'isoinfo_device',
  'isoinfo',
  'sfdisk_kernel_geometry',
  'sfdisk_disk_geometry',
  'part_list',
  'part_get_parttype',
  'part_get_bootable',
  'part_get_mbr_id',
  'part_get_gpt_type',
  'part_get_gpt_attributes',
  'part_get_name',
  'part_get_gpt_guid',
  'part_get_mbr_part_type',
  'part_get_disk_guid',
  'get_e2label',
  'get_e2uuid',
  'inspect_list_applications',
  'sfdisk_l',
];

function implemented(name: string): boolean {
  return Object.hasOwn(implementations, name) || handleActions[name] !== undefined;
}

test('every action has a class in the plan', () => {
  for (const { name } of allActions) assert.notEqual(planned(name), undefined, name);
});

test('every reading action has an implementation', () => {
  const without = allActions.filter(({ name }) => planned(name) === 'read' && !implemented(name));
  assert.deepEqual(
    without.map(({ name }) => name).filter((name) => !MISSING.includes(name)),
    [],
  );
});

test('a deprecated name works where the action works that replaces it', () => {
  const without = allActions.filter(
    ({ name, deprecatedBy }) =>
      planned(name) === 'alias' &&
      deprecatedBy !== undefined &&
      deprecatedBy !== '' &&
      planned(deprecatedBy) === 'read' &&
      !implemented(name) &&
      !MISSING.includes(name),
  );
  assert.deepEqual(
    without.map(({ name }) => name),
    [],
  );
});

test('nothing is implemented that is no action', () => {
  const names = new Set(allActions.map(({ name }) => name));
  for (const name of [...Object.keys(implementations), ...Object.keys(handleActions)])
    assert.ok(names.has(name), name);
});
