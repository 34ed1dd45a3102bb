// Makes a guest image from nothing, then opens it, prints what is inside and reads a file: `npm run demo`.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guestfs } from 'guestfs';
import { makeGuest } from './make-guest.mjs';

const folder = mkdtempSync(join(tmpdir(), 'guestfs-demo-'));
const image = join(folder, 'guest.qcow2');
try {
  let started = performance.now();
  await makeGuest(image);
  const made = Math.round(performance.now() - started);
  const kib = Math.round((statSync(image).blocks * 512) / 1024);
  console.log(
    `made         guest.qcow2 in ${made} ms: GPT, LVM, ext4 and swap on 1 GiB, ${kib} KiB on this disk\n`,
  );

  started = performance.now();
  const g = await Guestfs.open(image, { inspect: true });
  try {
    const [root] = await g.inspectGetRoots();
    console.log(
      `system       ${await g.inspectGetDistro(root)} ${await g.inspectGetProductName(root)} (${await g.inspectGetArch(root)})`,
    );
    console.log(`hostname     ${await g.inspectGetHostname(root)}`);
    for (const [device, type] of Object.entries(await g.listFilesystems())) {
      console.log(`filesystem   ${device.padEnd(16)} ${type}`);
    }
    for (const [mountpoint, device] of Object.entries(await g.inspectGetMountpoints(root))) {
      console.log(`mounted      ${device.padEnd(16)} on ${mountpoint}`);
    }
    for (const app of await g.inspectListApplications2(root)) {
      console.log(
        `package      ${app.app2Name} ${app.app2Version}${app.app2Release ? `-${app.app2Release}` : ''}`,
      );
    }
    console.log(`\n/root/letter, a link to /home/anna/letter.txt:\n${await g.cat('/root/letter')}`);
    console.log(`looked at in ${Math.round(performance.now() - started)} ms, without qemu, kernel or root`);
  } finally {
    await g.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
