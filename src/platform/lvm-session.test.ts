import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LVM_DRIVES, lvmDevices, stockSection, stockStructs } from '../../test/support/lvm-golden.ts';
import { LvmSession } from './lvm-session.ts';

interface Trial {
  session: LvmSession;
  warnings: string[];
  /** Canonical names of volumes that count as mounted. */
  used: Set<string>;
}

function trial(letters: Iterable<string> = LVM_DRIVES): Trial {
  const warnings: string[] = [];
  const used = new Set<string>();
  const session = new LvmSession({
    candidates: () => lvmDevices(letters),
    inUse: (path) => used.has(path),
    warn: (message) => warnings.push(message),
  });
  return { session, warnings, used };
}

type Row = Record<string, unknown>;

/** Fields of which stock shows the state of a kernel that works on, or the numbers that its drives got. */
const LIVE: Readonly<Record<string, readonly string[]>> = {
  // The kernel merged the snapshot as soon as it was active, before stock was asked.
  other: ['vgSeqno', 'vgFree', 'vgFreeCount', 'snapCount', 'vgMdaFree'],
  merging: ['lvAttr', 'modules'],
  // The number that it asks for was taken when its turn came.
  minor: ['lvAttr', 'lvKernelMajor'],
  // What a cache holds is known to the kernel only.
  cached: ['snapPercent', 'copyPercent'],
  wc: ['snapPercent'],
  // Without a leg the kernel refuses a mirror; reading the other leg does no harm.
  mcore: ['lvAttr', 'lvKernelMajor', 'copyPercent'],
  mdisk: ['lvAttr', 'lvKernelMajor', 'copyPercent'],
  // PVs of the group "other".
  pvs: ['pvFree', 'pvUsed', 'pvPeAllocCount', 'pvMdaFree'],
};

/** Compare reports with what stock printed, by UUID, for the groups and volumes that are in both. */
function compare(
  kind: 'pv' | 'vg' | 'lv',
  ours: readonly Row[],
  section: string,
  skip: (row: Row) => readonly string[],
) {
  const theirs = stockStructs(section);
  const uuid = `${kind}Uuid`;
  assert.deepEqual(ours.map((row) => row[uuid]).toSorted(), theirs.map((row) => row[uuid]).toSorted());
  for (const expected of theirs) {
    const row = ours.find((candidate) => candidate[uuid] === expected[uuid]) ?? {};
    const name = String(row[`${kind}Name`]);
    for (const [field, text] of Object.entries(expected)) {
      if (field === 'lvKernelMinor' || field === 'pvName' || skip(row).includes(field)) continue;
      const value = row[field];
      const shown =
        typeof value !== 'number' || !field.endsWith('Percent')
          ? String(value)
          : value < 0
            ? ''
            : `${value} %`;
      assert.equal(shown, text, `${section}: ${name}: ${field}`);
    }
  }
}

const liveFields = (row: Row): readonly string[] => LIVE[String(row['lvName'] ?? row['vgName'])] ?? [];

describe('LVM reports equal those of stock libguestfs', () => {
  const { session } = trial();
  const ofOther = new Set(
    session.state
      .group('other')
      .reportPhysicalVolumes()
      .map(({ pvUuid }) => pvUuid),
  );

  test('pvs_full', () => {
    compare('pv', session.physicalVolumes() as unknown as Row[], 'pvs-full', (row) =>
      ofOther.has(String(row['pvUuid'])) ? (LIVE['pvs'] ?? []) : [],
    );
  });

  test('vgs_full', () => compare('vg', session.volumeGroups() as unknown as Row[], 'vgs-full', liveFields));

  test('lvs_full', () => compare('lv', session.logicalVolumes() as unknown as Row[], 'lvs-full', liveFields));

  test('lvs', () => assert.deepEqual(session.listedNames(), stockSection('lvs')));

  test('UUIDs', () => {
    for (const { name } of session.state.volumeGroups.filter(({ foreign }) => !foreign)) {
      const [, ...rest] = stockSection(`uuids ${name}`);
      assert.deepEqual(
        [...session.physicalVolumeUuids(name), ...session.logicalVolumeUuids(name)],
        rest,
        name,
      );
    }
  });

  test('attributes of hidden volumes too', () => {
    const ours = new Map<string, string>();
    for (const group of session.state.volumeGroups) {
      for (const volume of group.found.group.logicalVolumes.values()) {
        const { lvAttr } = group.reportLogicalVolume(volume, () => ({
          active: true,
          open: false,
          minor: -1,
        }));
        ours.set(`${group.name},${volume.name}`, lvAttr);
      }
    }
    let compared = 0;
    for (const line of stockSection('all')) {
      const [group = '', name = '', attributes = ''] = line.trim().split(',');
      const volume = name.replace(/[[\]]/g, '');
      if (liveFields({ lvName: volume }).includes('lvAttr') || attributes === '') continue;
      // Places 5 and 6 depend on what the kernel has active and open.
      const fixed = (text = '') => text.slice(0, 4) + text.slice(6);
      assert.equal(fixed(ours.get(`${group},${volume}`)), fixed(attributes), `${group}/${volume}`);
      compared++;
    }
    assert.ok(compared > 100);
  });

  test('the mapper has the devices that the kernel has, in each group in the same order', () => {
    const byGroup = (lines: readonly { name: string; minor: number }[]) => {
      const groups = new Map<string, string[]>();
      for (const { name } of lines.toSorted((a, b) => a.minor - b.minor)) {
        const group = /^(?:[^-]|--)+/.exec(name)?.[0] ?? '';
        // Merged and gone, and a number that was asked for but taken.
        if (/tomerge|merging|basic-minor/.test(name)) continue;
        groups.set(group, [...(groups.get(group) ?? []), name]);
      }
      return Object.fromEntries([...groups].toSorted());
    };
    const theirs = stockSection('mapper').flatMap((line) => {
      const [, name = '', minor = ''] = /^(\S+)\t\(253:(\d+)\)$/.exec(line) ?? [];
      return name === '' ? [] : [{ name, minor: Number(minor) }];
    });
    assert.deepEqual(byGroup(session.mapperDevices()), byGroup(theirs));
  });

  for (const [drives, letters] of [
    ['/dev/sdb', 'b'],
    ['/dev/sdc', 'c'],
    ['/dev/sdd /dev/sdf', 'df'],
    ['/dev/sde', 'e'],
    ['/dev/sdd /dev/sde /dev/sdf /dev/sdg', 'defg'],
    ['/dev/sdk', 'k'],
  ] as const) {
    test(`with ${drives} only`, () => {
      const part = trial(letters).session;
      assert.deepEqual(part.physicalVolumeNames(), stockSection(`pvs of ${drives}`));
      assert.deepEqual(part.listedNames(), stockSection(`lvs of ${drives}`));
      compare('pv', part.physicalVolumes() as unknown as Row[], `pvs-full of ${drives}`, (row) =>
        ofOther.has(String(row['pvUuid'])) ? (LIVE['pvs'] ?? []) : [],
      );
      compare('vg', part.volumeGroups() as unknown as Row[], `vgs-full of ${drives}`, liveFields);
      compare('lv', part.logicalVolumes() as unknown as Row[], `lvs-full of ${drives}`, liveFields);
    });
  }
});

describe('LVM session', () => {
  test('activation and its absence', () => {
    const { session } = trial('abc');
    assert.equal(session.canonicalName('/dev/basic/one'), '/dev/basic/one');
    session.activate(false, ['basic']);
    assert.equal(session.canonicalName('/dev/basic/one'), undefined);
    assert.throws(() => session.open('/dev/basic/one'), { code: 'ENOENT' });
    assert.ok(session.listedNames().includes('/dev/basic/one'));
    assert.ok(!session.activeNames().includes('/dev/basic/one'));
    assert.ok(session.activeNames().includes('/dev/stripe/onfirst'));
    const report = session.logicalVolumes().find(({ lvName }) => lvName === 'linear');
    assert.equal(report?.lvAttr, 'owi---s---');
    assert.equal(report.lvKernelMinor, -1);
    session.activate(true, ['basic']);
    assert.equal(session.open('/dev/basic/one').size, 131072);
    session.activate(false);
    assert.deepEqual(session.activeNames(), []);
    session.scan(false);
    assert.deepEqual(session.activeNames(), []);
    session.scan(true);
    assert.equal(session.activeNames().length, 15);
  });

  test('names and aliases', () => {
    const { session } = trial(['a', 'i', 'm']);
    assert.equal(session.canonicalName('/dev/mapper/basic-with--dash_x'), '/dev/basic/with-dash_x');
    assert.equal(session.canonicalName('/dev/mapper/on--part-lv--1'), '/dev/on-part/lv-1');
    assert.equal(session.canonicalName('/dev/dm-77'), '/dev/basic/minor');
    assert.equal(session.canonicalName('/dev/mapper/basic-linear-real'), undefined);
    assert.equal(session.canonicalName('/dev/thin/pool'), undefined);
    assert.equal(session.canonicalName('/dev/mapper/thin-pool'), undefined);
    assert.equal(session.canonicalName('/dev/thin/tsnapskip'), undefined);
    assert.ok(session.hiddenMapperNames().includes('thin-pool_tdata'));
  });

  test('groups that stay inactive, and why', () => {
    const { session, warnings } = trial('mno');
    assert.deepEqual(session.activeNames(), ['/dev/on-part/lv-1']);
    assert.match(warnings.join(), /exported is exported/);
    assert.match(warnings.join(), /foreign belongs to the host with system id elsewhere/);
    for (const group of ['exported', 'foreign']) {
      assert.throws(() => session.activate(true, [group]), { code: 'EINVAL' });
    }
    assert.throws(() => session.activate(true, ['nothere']), { code: 'ENOENT' });
    session.activate(true);
  });

  test('what is missing is named when its group is activated', () => {
    const { session, warnings } = trial('b');
    assert.deepEqual(session.activeNames(), ['/dev/stripe/onfirst']);
    assert.match(warnings.join(), /\/dev\/stripe\/onsecond stays inactive/);
    assert.throws(
      () => session.activate(true, ['stripe']),
      (error) => error instanceof Error && /\/dev\/stripe\/s4k/.test(error.message),
    );
  });

  test('a mounted volume stays', () => {
    const { session, used } = trial('ab');
    used.add('/dev/basic/one');
    const report = session.logicalVolumes().find(({ lvName }) => lvName === 'one');
    assert.equal(report?.lvAttr, '-ri-ao----');
    for (const act of [
      () => session.activate(false),
      () => session.activate(false, ['basic']),
      () => session.setFilter(['/dev/sdb']),
      () => session.setFilter(undefined),
    ]) {
      assert.throws(act, { code: 'EBUSY' });
    }
    assert.equal(session.canonicalName('/dev/basic/one'), '/dev/basic/one');
  });

  test('filters', () => {
    const { session } = trial();
    session.setFilter(['/dev/sdm']);
    assert.deepEqual(session.physicalVolumeNames(), ['/dev/sdm1', '/dev/sdm2', '/dev/sdm3']);
    session.setFilter(['/dev/sdm2', '/dev/sdb']);
    assert.deepEqual(session.physicalVolumeNames(), ['/dev/sdb', '/dev/sdm2']);
    assert.deepEqual(session.activeNames(), ['/dev/stripe/onfirst']);
    session.setFilter([]);
    assert.deepEqual(session.physicalVolumeNames(), []);
    session.setFilter(undefined);
    assert.equal(session.activeNames().length, 46);
  });

  test('a second scan keeps what is active', () => {
    const { session } = trial('ab');
    const before = session.mapperDevices();
    session.forget();
    assert.deepEqual(session.mapperDevices(), before);
  });
});
