// Opens a small guest image, prints what is inside it and reads a file: `npm run demo`.
import { fileURLToPath } from 'node:url';
import { Guestfs } from 'guestfs';

const image = fileURLToPath(new URL('./images/tiny-guest.qcow2', import.meta.url));
const started = performance.now();
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
  console.log(`all of it in ${Math.round(performance.now() - started)} ms, without qemu, kernel or root`);
} finally {
  await g.close();
}
