import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomizeContext } from './context.ts';
import { managePackages, packageCommand } from './programs.ts';

test('names of packages are words of the shell; a manager that is not known is said', async () => {
  assert.equal(packageCommand('dnf', 'install', ['a', "b'; rm"]), "dnf -y install a 'b'\\''; rm'");
  assert.equal(packageCommand('zypper', 'update', []), 'zypper -n update -l');
  assert.equal(packageCommand('constructor', 'update', []), undefined);
  const handle = { inspectGetPackageManagement: async () => 'unknown' };
  const context = { handle, root: '/dev/sda1' } as unknown as CustomizeContext;
  await assert.rejects(managePackages(context, 'install', ['x']), /'unknown'; use --run-command/);
  await assert.rejects(managePackages({ ...context, root: undefined }, 'update', []), /--mount/);
});
