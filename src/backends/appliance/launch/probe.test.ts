import assert from 'node:assert/strict';
import { accessSync, appendFileSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { machineSettings } from '../../../../test/support/machine-settings.ts';
import { temporaryFolder } from '../../../../test/support/tools.ts';
import { probeHypervisor, warned, withoutKvm } from './probe.ts';

let folder: { path: string; remove: () => void };
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

function kvmObstacle(): string | false {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x86_64';
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return false;
  } catch {
    return 'needs a /dev/kvm, whether it works or not';
  }
}
const needsSh = process.platform === 'win32' ? 'needs sh' : false;

/** A hypervisor that notes how it is started and does what `script` says where it is asked for KVM. */
function hypervisor(script: string): { hv: string; runs: () => string[] } {
  const hv = join(folder.path, 'hv');
  const log = join(folder.path, 'log');
  writeFileSync(log, '');
  writeFileSync(
    hv,
    `#!/bin/sh\necho "$*" >>${log}\ncase "$*" in -version) echo version 7;; *accel=kvm*) ${script};; esac\n`,
    { mode: 0o755 },
  );
  return { hv, runs: () => readFileSync(log, 'utf8').trim().split('\n') };
}

test(
  'KVM that never does anything is given up soon, and is not tried again',
  { skip: kvmObstacle() },
  async () => {
    const { hv, runs } = hypervisor('exec sleep 60');
    const settings = machineSettings(folder.path, { hv });
    const found = await probeHypervisor(settings);
    assert.equal(found.acceleration, 'tcg');
    assert.match(found.warning ?? '', /did nothing for 3 s.*runs without acceleration/);
    const before = runs().length;
    assert.deepEqual(await probeHypervisor(settings), found);
    // Said once, it is no warning any more, but still known.
    warned(settings, found);
    const { warning, note } = await probeHypervisor(settings);
    assert.equal(warning, undefined);
    assert.equal(note, found.warning);
    assert.equal(runs().length, before);
    await assert.rejects(probeHypervisor({ ...settings, backendSettings: ['force_kvm'] }), {
      code: 'ENOTSUP',
      message: /did nothing for 3 s/,
    });
    // Another program may do better.
    appendFileSync(hv, '\n');
    await probeHypervisor(settings);
    assert.ok(runs().length > before);
  },
);

test('what qemu says about KVM is passed on', { skip: kvmObstacle() }, async () => {
  const { hv } = hypervisor('echo no such luck >&2; exit 1');
  const { acceleration, warning } = await probeHypervisor(machineSettings(folder.path, { hv }));
  assert.equal(acceleration, 'tcg');
  assert.match(warning ?? '', /no such luck/);
});

test('a machine that did not get far on KVM is remembered', { skip: needsSh }, async () => {
  const { hv } = hypervisor('echo x; sleep 1');
  const settings = machineSettings(folder.path, { hv });
  const first = await probeHypervisor(settings);
  const without = withoutKvm(settings, { ...first, acceleration: 'kvm' }, 'on it nothing moves');
  assert.equal(without.acceleration, 'tcg');
  assert.match(without.warning ?? '', /on it nothing moves/);
  assert.deepEqual(await probeHypervisor(settings), without);
});

test('force_tcg asks nothing of KVM', { skip: needsSh }, async () => {
  const { hv, runs } = hypervisor('exit 1');
  const settings = machineSettings(folder.path, { hv, backendSettings: ['force_tcg'] });
  const { acceleration, warning } = await probeHypervisor(settings);
  assert.equal(acceleration, 'tcg');
  assert.equal(warning, undefined);
  assert.ok(!runs().some((line) => line.includes('kvm')));
});
