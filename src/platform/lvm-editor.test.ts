import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lvmDevices, lvmImage } from '../../test/support/lvm-golden.ts';
import { needsLvm, withRealLvm } from '../../test/support/real-lvm.ts';
import type { BlockDevice } from '../block/device.ts';
import { memoryDevice } from '../block/memory.ts';
import { rangeDevice } from '../block/range.ts';
import { scanLvm } from '../volumes/lvm2/index.ts';
import { LvmSession } from './lvm-session.ts';

const MIB = 1024 * 1024;

interface Trial {
  session: LvmSession;
  images: Uint8Array[];
  /** Devices that count as mounted. */
  used: Set<string>;
  warnings: string[];
}

/** A session over writable devices /dev/sda, ... */
function trial(images: Uint8Array[]): Trial {
  const used = new Set<string>();
  const warnings: string[] = [];
  const devices = images.map((image, index) => {
    const name = `/dev/sd${String.fromCharCode(97 + index)}`;
    return { name, device: memoryDevice(image, { name }) };
  });
  const session = new LvmSession({
    candidates: () => devices,
    inUse: (name) => used.has(name),
    warn: (message) => warnings.push(message),
  });
  return { session, images, used, warnings };
}

const blank = (...sizes: readonly number[]): Uint8Array[] => sizes.map((size) => new Uint8Array(size * MIB));

/** Name, extents of 4 MiB and pieces of each logical volume, and where these lie. */
function shape(session: LvmSession, name: string): string[] {
  const { found } = session.state.group(name);
  return [...found.group.logicalVolumes.values()].map(
    (volume) =>
      `${volume.name}: ${volume.segments
        .map(
          ({ extentCount, areas }) => `${extentCount}@${areas.map((a) => `${a.name}+${a.extent}`).join('/')}`,
        )
        .join(' ')}`,
  );
}

/** What lvm(8) tells of the volumes, and that it has nothing to complain of. */
function realShape(images: readonly Uint8Array[], name: string): { rows: string[]; pvs: string[] } {
  return withRealLvm(images, ({ lvm, devices }) => {
    const check = lvm('vgck', '-v', name);
    assert.doesNotMatch(check, /WARNING|mismatch|inconsistent|checksum/i);
    for (const device of devices)
      assert.doesNotMatch(lvm('pvck', '--dump', 'headers', device), /CHECK:|WARN|mismatch/);
    const fields = 'lv_name,seg_size_pe,seg_pe_ranges';
    const table = lvm(
      'lvs',
      '--noheadings',
      '--separator',
      ':',
      '-o',
      fields,
      '-O',
      'lv_name,seg_start_pe',
      name,
    );
    const pvs = lvm(
      'pvs',
      '--noheadings',
      '--separator',
      ':',
      '--units',
      'b',
      '-o',
      'vg_name,pv_size,pv_free,pv_in_use',
    );
    const rows = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line.includes(':') && !/mapper|driver/.test(line))
        .map((line) => devices.reduce((all, device, i) => all.replaceAll(device, `pv${i}`), line.trim()));
    return { rows: rows(table), pvs: rows(pvs) };
  });
}

describe('LVM is written as lvm(8) writes it', () => {
  test('a life of two physical volumes', { skip: needsLvm() }, () => {
    const { session, images, warnings } = trial(blank(121, 121));
    const { write } = session;
    images[0]!.set(new TextEncoder().encode('\xeb<\x90mkfs.fat'));
    write.createPhysicalVolume('/dev/sda');
    write.createVolumeGroup('VG', ['/dev/sda', '/dev/sdb']);
    assert.deepEqual(realShape(images, 'VG').pvs, [
      'VG:125829120B:125829120B:used',
      'VG:125829120B:125829120B:used',
    ]);
    write.createLogicalVolume('VG', 'LV', { bytes: 10 * MIB });
    write.createLogicalVolume('VG', 'LV1', { bytes: 5 * MIB });
    write.createLogicalVolume('VG', 'LV3', { percentFree: 10 });
    assert.deepEqual(session.activeNames(), ['/dev/VG/LV', '/dev/VG/LV1', '/dev/VG/LV3']);
    assert.deepEqual(shape(session, 'VG'), ['LV: 3@pv0+0', 'LV1: 2@pv0+3', 'LV3: 5@pv0+5']);
    write.resizeLogicalVolume('/dev/VG/LV', { bytes: 50 * MIB });
    assert.deepEqual(shape(session, 'VG')[0], 'LV: 3@pv0+0 10@pv0+10');
    write.resizeLogicalVolume('/dev/VG/LV', { bytes: 21 * MIB });
    write.resizeLogicalVolume('/dev/VG/LV', { percentFree: 10 });
    assert.deepEqual(shape(session, 'VG')[0], 'LV: 3@pv0+0 8@pv0+10');
    assert.equal(session.open('/dev/VG/LV').size, 11 * 4 * MIB);
    write.createLogicalVolume('VG', 'rest', { percentFree: 100 });
    const { rows, pvs } = realShape(images, 'VG');
    assert.deepEqual(rows, [
      'LV:3:pv0:0-2',
      'LV:8:pv0:10-17',
      'LV1:2:pv0:3-4',
      'LV3:5:pv0:5-9',
      'rest:30:pv1:0-29',
      'rest:12:pv0:18-29',
    ]);
    assert.deepEqual(pvs, ['VG:125829120B:0B:used', 'VG:125829120B:0B:used']);
    const minor = session.mapperDevices().find(({ name }) => name === 'VG-LV')?.minor;
    write.renameLogicalVolume('/dev/VG/LV', '/dev/VG/new-name');
    write.renameVolumeGroup('VG', 'V-G');
    assert.deepEqual(session.activeNames(), [
      '/dev/V-G/LV1',
      '/dev/V-G/LV3',
      '/dev/V-G/new-name',
      '/dev/V-G/rest',
    ]);
    assert.equal(session.mapperDevices().find(({ name }) => name === 'V--G-new--name')?.minor, minor);
    write.removeLogicalVolume('/dev/V-G/LV3');
    assert.equal(realShape(images, 'V-G').rows.length, 5);
    write.removeLogicalVolume('/dev/V-G');
    assert.deepEqual(session.activeNames(), []);
    write.changeVolumeGroupUuid('V-G');
    write.changePhysicalVolumeUuid();
    assert.deepEqual(realShape(images, 'V-G').rows, []);
    write.removeVolumeGroup('V-G');
    assert.deepEqual(session.volumeGroups(), []);
    withRealLvm(images, ({ lvm }) => {
      assert.match(lvm('pvs', '--noheadings', '-o', 'pv_in_use,vg_name'), /^\s*\n?\s*$/);
    });
    write.removePhysicalVolume('/dev/sda');
    assert.deepEqual(session.physicalVolumeNames(), ['/dev/sdb']);
    write.removeAll();
    assert.deepEqual(session.physicalVolumeNames(), []);
    withRealLvm(images, ({ lvm }) => assert.equal(lvm('pvs', '--noheadings').trim(), ''));
    assert.deepEqual(warnings, []);
  });

  test('in turns with lvm(8)', { skip: needsLvm() }, () => {
    let { session, images } = trial(blank(41, 31, 21));
    const tags = (): string => session.state.group('G').report().vgTags;
    session.write.createVolumeGroup('G', ['/dev/sda', '/dev/sdb']);
    session.write.createLogicalVolume('G', 'one', { bytes: 8 * MIB });
    for (let round = 0; round < 3; round++) {
      images = withRealLvm(images, ({ lvm, devices, images: now }) => {
        lvm('vgchange', '--addtag', `round${round}`, 'G');
        if (round === 0) lvm('vgextend', 'G', devices[2]!);
        if (round === 1) lvm('vgchange', '--alloc', 'contiguous', 'G');
        if (round === 2) lvm('pvchange', '-xn', devices[2]!);
        return now();
      });
      ({ session } = trial(images));
      session.write.createLogicalVolume('G', `made${round}`, { bytes: 4 * MIB });
    }
    assert.equal(tags(), 'round0,round1,round2');
    assert.throws(() => session.write.createLogicalVolume('G', 'long', { bytes: 60 * MIB }), {
      code: 'ENOSPC',
      message: /15 extents are needed: .*(?:contiguous|12 are free)/,
    });
    assert.deepEqual(realShape(images, 'G').rows, [
      'made0:1:pv0:2-2',
      'made1:1:pv0:3-3',
      'made2:1:pv0:4-4',
      'one:2:pv0:0-1',
    ]);
  });

  test('physical volumes grow, shrink and are refused what cuts volumes', { skip: needsLvm() }, () => {
    const small = blank(41)[0]!;
    const first = trial([small]);
    first.session.write.createVolumeGroup('G', ['/dev/sda']);
    first.session.write.createLogicalVolume('G', 'lv', { bytes: 20 * MIB });
    const large = new Uint8Array(81 * MIB);
    large.set(small);
    const { session, images } = trial([large]);
    session.write.resizePhysicalVolume('/dev/sda');
    assert.deepEqual(realShape(images, 'G').pvs, ['G:83886080B:62914560B:used']);
    session.write.resizeLogicalVolume('/dev/G/lv', { percentFree: 50 });
    session.write.resizePhysicalVolume('/dev/sda', 61 * MIB);
    assert.deepEqual(realShape(images, 'G').pvs, ['G:62914560B:8388608B:used']);
    const refused = (size: number, code: string, message: RegExp): void =>
      assert.throws(() => session.write.resizePhysicalVolume('/dev/sda', size), { code, message });
    refused(40 * MIB, 'EBUSY', /hold 9 extents, but logical volumes use the first 13/);
    refused(300_000_000, 'EINVAL', /multiple of 512/);
    refused(500 * MIB, 'EINVAL', /that the device has/);
    refused(MIB, 'EINVAL', /data begin at/);
  });

  test('new volumes are clean', () => {
    const { session, images } = trial(blank(41));
    images[0]!.fill(0xa5);
    session.write.createVolumeGroup('G', ['/dev/sda']);
    session.write.createLogicalVolume('G', 'lv', { bytes: MIB });
    const device = session.open('/dev/G/lv');
    const bytes = new Uint8Array(device.size);
    device.readAt(0, bytes);
    assert.ok(bytes.subarray(0, 128 * 1024).every((byte) => byte === 0));
    assert.ok(bytes.subarray(128 * 1024).every((byte) => byte === 0xa5));
    device.writeAt(5, Uint8Array.of(1, 2, 3));
    assert.deepEqual(images[0]!.subarray(MIB + 5, MIB + 8), Uint8Array.of(1, 2, 3));
  });

  test('what cannot be says why', () => {
    const { session, used } = trial(blank(41, 41, 1, 41));
    const { write } = session;
    const refused = (code: string, message: RegExp, work: () => void): void =>
      assert.throws(work, { code, message });
    write.createVolumeGroup('VG', ['/dev/sda']);
    write.createVolumeGroup('VG3', ['/dev/sdb']);
    write.createLogicalVolume('VG', 'LV', { bytes: 8 * MIB });
    write.createLogicalVolume('VG', 'LV1', { bytes: 8 * MIB });
    refused('EINVAL', /\/dev\/sdc: a physical volume needs 2097152/, () =>
      write.createPhysicalVolume('/dev/sdc'),
    );
    refused('EINVAL', /has partitions/, () => write.createPhysicalVolume('/dev/sdz'));
    refused('EBUSY', /volume group VG$/, () => write.createPhysicalVolume('/dev/sda'));
    refused('EBUSY', /volume group VG$/, () => write.removePhysicalVolume('/dev/sda'));
    refused('EINVAL', /not a physical volume/, () => write.removePhysicalVolume('/dev/sdd'));
    refused('EEXIST', /VG already exists/, () => write.createVolumeGroup('VG', ['/dev/sdd']));
    refused('EBUSY', /VG4 cannot be created: \/dev\/sda/, () => write.createVolumeGroup('VG4', ['/dev/sda']));
    refused('EINVAL', /given: none/, () => write.createVolumeGroup('VG4', []));
    refused('EEXIST', /\/dev\/sda is a device/, () => write.createVolumeGroup('sda', ['/dev/sdd']));
    for (const name of ['bad name', '-bad', 'a/b', '.', '..', '', 'mapper', 'x'.repeat(128)]) {
      refused('EINVAL', /volume group/, () => write.createVolumeGroup(name, ['/dev/sdd']));
    }
    for (const name of ['bad name', 'snapshot', 'pvmove0', 'a_tdata', '-x', 'x'.repeat(126)]) {
      refused('EINVAL', /logical volume/, () => write.createLogicalVolume('VG', name, { bytes: MIB }));
    }
    refused('EEXIST', /LV already exists in volume group VG/, () =>
      write.createLogicalVolume('VG', 'LV', { bytes: MIB }),
    );
    refused('EINVAL', /cannot be 0 bytes/, () => write.createLogicalVolume('VG', 'x', { bytes: 0 }));
    refused('ENOSPC', /25000 extents are needed: 6 are free/, () =>
      write.createLogicalVolume('VG', 'x', { bytes: 100_000 * MIB }),
    );
    refused('ENOENT', /NOVG/, () => write.createLogicalVolume('NOVG', 'x', { bytes: MIB }));
    refused('EINVAL', /from 0 to 100, 101/, () => write.createLogicalVolume('VG', 'x', { percentFree: 101 }));
    refused('EINVAL', /0 % of the 6 free/, () => write.createLogicalVolume('VG', 'x', { percentFree: 0 }));
    refused('ENOENT', /no such/, () => write.resizeLogicalVolume('/dev/VG/nope', { bytes: MIB }));
    refused('ENOSPC', /are needed: 6 are free/, () =>
      write.resizeLogicalVolume('/dev/VG/LV', { bytes: 100_000 * MIB }),
    );
    refused('EINVAL', /in the same group/, () => write.renameLogicalVolume('/dev/VG/LV', '/dev/VG3/NEW'));
    refused('EEXIST', /LV1 already exists/, () => write.renameLogicalVolume('/dev/VG/LV', '/dev/VG/LV1'));
    refused('ENOENT', /nope/, () => write.renameLogicalVolume('/dev/VG/nope', '/dev/VG/x'));
    refused('EINVAL', /expected \/dev\/VG\/LV/, () => write.renameLogicalVolume('NEW', 'NEW2'));
    refused('EEXIST', /VG3 already exists/, () => write.renameVolumeGroup('VG', 'VG3'));
    refused('EBUSY', /are active/, () => write.changeVolumeGroupUuid('VG'));
    refused('EBUSY', /are active/, () => write.changePhysicalVolumeUuid('/dev/sda'));
    refused('ENOENT', /\/dev\/VG3/, () => write.removeLogicalVolume('/dev/VG3'));
    refused('ENOENT', /NOVG/, () => write.removeVolumeGroup('NOVG'));
    used.add('/dev/VG/LV');
    for (const work of [
      () => write.removeLogicalVolume('/dev/VG/LV'),
      () => write.removeLogicalVolume('/dev/VG'),
      () => write.resizeLogicalVolume('/dev/VG/LV', { bytes: MIB }),
      () => write.renameLogicalVolume('/dev/VG/LV', '/dev/VG/x'),
      () => write.removeVolumeGroup('VG'),
      () => write.renameVolumeGroup('VG', 'x'),
      () => write.removeAll(),
    ]) {
      refused('EBUSY', /\/dev\/VG\/LV is in use/, work);
    }
    assert.deepEqual(shape(session, 'VG'), ['LV: 2@pv0+0', 'LV1: 2@pv0+2']);
  });
});

describe('volumes of every type that lvm(8) makes', () => {
  /** A session over copies of golden drives. */
  function golden(letters: string): Trial {
    const used = new Set<string>();
    const warnings: string[] = [];
    const images: Uint8Array[] = [];
    const devices = [...letters].flatMap((letter) => {
      const image = lvmImage(letter).slice();
      images.push(image);
      // Partitions are where they are in the original.
      return lvmDevices([letter]).map(({ name, device }) => {
        const whole = memoryDevice(image, { name });
        if (device.size === image.length) return { name, device: whole };
        throw new Error(`${name} is a partition`);
      });
    });
    const session = new LvmSession({
      candidates: () => devices,
      inUse: (name) => used.has(name),
      warn: (message) => warnings.push(message),
    });
    return { session, images, used, warnings };
  }

  const whole = [...'abcdefghijklmno'].filter((letter) =>
    lvmDevices([letter]).every(({ name }) => name === `/dev/sd${letter}`),
  );

  test('are renamed, removed and left as they are', { skip: needsLvm() }, () => {
    const { session, images } = golden(whole.join(''));
    const done: string[] = [];
    const refusals = new Map<string, string>();
    for (const group of session.state.volumeGroups.map(({ name }) => name)) {
      if (session.state.group(group).exported || session.state.group(group).foreign) {
        assert.throws(() => session.write.renameVolumeGroup(group, 'other-name'), { code: 'EINVAL' });
        continue;
      }
      if (session.state.group(group).partial) continue;
      for (const { name } of session.state.group(group).visibleVolumes) {
        try {
          session.write.renameLogicalVolume(`/dev/${group}/${name}`, `/dev/${group}/re-${name}`);
          done.push(`${group}/${name}`);
        } catch (error) {
          refusals.set(`${group}/${name}`, (error as Error).message);
        }
      }
    }
    assert.deepEqual([...refusals], []);
    assert.ok(done.length > 20);
    const original = scanLvm(whole.flatMap((letter) => lvmDevices([letter])));
    const head = (device: BlockDevice): Uint8Array => {
      const bytes = new Uint8Array(Math.min(device.size, 65_536));
      device.readAt(0, bytes);
      return bytes;
    };
    for (const one of done) {
      const [group = '', name = ''] = one.split('/');
      let expected: Uint8Array | undefined;
      try {
        expected = head(original.openLogicalVolume(group, name));
      } catch {
        continue;
      }
      assert.deepEqual(head(session.state.openLogicalVolume(group, `re-${name}`)), expected, one);
    }
    withRealLvm(images, ({ lvm }) => {
      for (const group of new Set(done.map((one) => one.split('/')[0] ?? ''))) {
        assert.doesNotMatch(lvm('vgck', group), /WARNING|inconsistent/);
      }
    });
    for (const one of done) {
      const [group = '', name = ''] = one.split('/');
      const path = `/dev/${group}/re-${name}`;
      const volume = session.state.group(group).roles.volume(`re-${name}`);
      if (volume === undefined) continue;
      if (volume.segments[0]?.type === 'thin') {
        assert.throws(() => session.write.removeLogicalVolume(path), {
          code: 'ENOTSUP',
          message: /of type thin: .* only with its pool/,
        });
        continue;
      }
      try {
        session.write.removeLogicalVolume(path);
      } catch (error) {
        // An origin that thin volumes read from.
        assert.match((error as Error).message, /is used by/, path);
      }
    }
    const left = session.state.volumeGroups
      .filter(({ exported, foreign, partial }) => !exported && !foreign && !partial)
      .flatMap(({ found }) => [...found.group.logicalVolumes.keys()]);
    withRealLvm(images, ({ lvm }) => {
      for (const group of new Set(done.map((one) => one.split('/')[0] ?? ''))) {
        assert.doesNotMatch(lvm('vgck', group), /WARNING|inconsistent/);
      }
    });
    // Its thin volume went with the pool, after it was its turn.
    assert.deepEqual(left, ['re-extorigin']);
  });

  test('striped ones grow over the same number of stripes', { skip: needsLvm() }, () => {
    const { session, images } = golden(whole.join(''));
    const group = session.state.group('stripe');
    const striped = group.visibleVolumes.find(({ segments }) => (segments[0]?.areas.length ?? 0) > 1);
    assert.ok(striped !== undefined);
    const path = `/dev/stripe/${striped.name}`;
    const { extentSize } = group.found.group;
    const stripes = striped.segments[0]!.areas.length;
    session.write.resizeLogicalVolume(path, { bytes: (striped.extentCount + 1) * extentSize });
    const grown = session.state.group('stripe').roles.volume(striped.name);
    assert.equal(grown?.extentCount, striped.extentCount + stripes);
    session.write.resizeLogicalVolume(path, { bytes: extentSize });
    assert.equal(session.state.group('stripe').roles.volume(striped.name)?.extentCount, stripes);
    withRealLvm(images, ({ lvm }) => assert.doesNotMatch(lvm('vgck', 'stripe'), /WARNING/));
  });

  test('others are not resized, by name', () => {
    const { session } = golden(whole.join(''));
    for (const group of session.state.volumeGroups) {
      if (group.exported || group.foreign || group.partial) continue;
      for (const volume of group.visibleVolumes) {
        const type = volume.segments[0]?.type ?? '';
        if (type === 'striped' || type === 'linear') continue;
        assert.throws(
          () => session.write.resizeLogicalVolume(`/dev/${group.name}/${volume.name}`, { bytes: 400 * MIB }),
          { code: 'ENOTSUP', message: new RegExp(`of type ${type}`) },
          volume.name,
        );
      }
    }
  });
});

describe('after a cut at any write', () => {
  interface Recorded {
    offset: number;
    bytes: Uint8Array | undefined;
  }

  const PV = 14 * MIB;

  /** Two PVs in one image, so that their writes have one order. */
  function disk(image: Uint8Array, log?: Recorded[]): { name: string; device: BlockDevice }[] {
    const memory = memoryDevice(image);
    const note = (offset: number, bytes: Uint8Array): void => {
      log?.push({ offset, bytes: bytes.slice() });
      memory.writeAt(offset, bytes);
    };
    const device: BlockDevice = {
      size: memory.size,
      sectorSize: 512,
      writable: true,
      readAt: (offset, into) => memory.readAt(offset, into),
      writeAt: note,
      zero: (offset, length) => note(offset, new Uint8Array(length)),
      discard() {},
      extents: (offset, length) => memory.extents(offset, length),
      flush: () => void log?.push({ offset: 0, bytes: undefined }),
      close() {},
    };
    return [0, 1].map((index) => {
      const name = `/dev/sd${'ab'[index]}`;
      return { name, device: rangeDevice(device, index * PV, PV, name) };
    });
  }

  function shown(image: Uint8Array): string {
    const warnings: string[] = [];
    const { physicalVolumes, volumeGroups } = scanLvm(disk(image), { warn: (text) => warnings.push(text) });
    const texts = volumeGroups.map(({ found }) => Buffer.from(found.group.text).toString('latin1'));
    const damage = warnings.filter((text) => !/disagree/.test(text));
    return JSON.stringify([physicalVolumes.map(({ name, label }) => [name, label.uuid]), texts, damage]);
  }

  /** Positions at which a write may tear: all near its ends, some between. */
  function tears(length: number): number[] {
    const all: number[] = [];
    for (let at = 0; at <= length; at += 512) {
      if (at < 8192 || at > length - 8192 || at % 65_536 === 0) all.push(at);
    }
    return all;
  }

  function changed(
    before: Uint8Array,
    work: (session: LvmSession) => void,
    between: (text: string) => boolean = () => false,
  ): Uint8Array {
    const after = before.slice();
    const log: Recorded[] = [];
    const devices = disk(after, log);
    work(new LvmSession({ candidates: () => devices, inUse: () => false, warn() {} }));
    assert.equal(log.at(-1)?.bytes, undefined, 'the last thing is a flush');
    const allowed = new Set([shown(before), shown(after)]);
    const image = before.slice();
    let pending: { offset: number; bytes: Uint8Array }[] = [];
    let count = 0;
    for (const { offset, bytes } of log) {
      if (bytes === undefined) {
        for (const done of pending) image.set(done.bytes, done.offset);
        pending = [];
        continue;
      }
      pending.push({ offset, bytes });
      assert.ok(pending.length <= 6, `${pending.length} writes without a flush`);
      for (let mask = 0; mask < 2 ** (pending.length - 1); mask++) {
        for (const length of tears(bytes.length)) {
          const undo: { offset: number; bytes: Uint8Array }[] = [];
          const apply = (at: number, what: Uint8Array): void => {
            undo.push({ offset: at, bytes: image.slice(at, at + what.length) });
            image.set(what, at);
          };
          for (const [i, other] of pending.slice(0, -1).entries()) {
            if (mask & (1 << i)) apply(other.offset, other.bytes);
          }
          apply(offset, bytes.subarray(0, length));
          const text = shown(image);
          assert.ok(allowed.has(text) || between(text), `cut ${count} leaves ${text.slice(0, 2000)}`);
          for (const old of undo.toReversed()) image.set(old.bytes, old.offset);
          count++;
        }
      }
    }
    assert.ok(count > 0);
    return after;
  }

  test('there is the old metadata or the new', () => {
    let image: Uint8Array = new Uint8Array(2 * PV);
    const step = (work: (session: LvmSession) => void, between?: (text: string) => boolean): void => {
      image = changed(image, work, between);
    };
    step(({ write }) => write.createPhysicalVolume('/dev/sda'));
    step(({ write }) => write.createPhysicalVolume('/dev/sdb'));
    step(({ write }) => write.createVolumeGroup('G', ['/dev/sda', '/dev/sdb']));
    step(({ write }) => write.createLogicalVolume('G', 'lv', { bytes: 8 * MIB }));
    step(({ write }) => write.createLogicalVolume('G', 'lw', { percentFree: 100 }));
    step(({ write }) => write.renameLogicalVolume('/dev/G/lv', '/dev/G/ly'));
    step(({ write }) => write.resizeLogicalVolume('/dev/G/lw', { bytes: 4 * MIB }));
    step(({ write }) => write.renameVolumeGroup('G', 'H'));
    // The ring goes round.
    for (let i = 0; i < 450; i++) {
      const work = ({ write }: LvmSession): void =>
        write.renameVolumeGroup(i % 2 ? 'G' : 'H', i % 2 ? 'H' : 'G');
      if (i > 440 || (i > 0 && i % 97 === 0)) step(work);
      else work(new LvmSession({ candidates: () => disk(image), inUse: () => false, warn() {} }));
    }
    step(({ write }) => write.removeLogicalVolume('/dev/H/ly'));
    step(({ write }) => write.resizePhysicalVolume('/dev/sdb', 10 * MIB));
    step(({ write }) => write.removeVolumeGroup('H'));
    // One PV after the other.
    step(
      ({ write }) => write.removeAll(),
      (text) => text.includes('"/dev/sdb"') && !text.includes('"/dev/sda"'),
    );
  });
});
