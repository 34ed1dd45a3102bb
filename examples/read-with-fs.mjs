// A guest as node:fs/promises: libraries that take such an object work on a guest.
// `node examples/read-with-fs.mjs IMAGE [FOLDER]`
import { Guestfs } from 'guestfs';

const [image, folder = '/etc'] = process.argv.slice(2);
const g = await Guestfs.open(image, { inspect: true });
try {
  for (const entry of await g.fs.readdir(folder, { withFileTypes: true })) {
    const path = `${entry.parentPath ?? entry.path}/${entry.name}`;
    const { size } = await g.fs.lstat(path);
    console.log(
      `${entry.isDirectory() ? 'd' : entry.isSymbolicLink() ? 'l' : '-'} ${String(size).padStart(8)} ${path}`,
    );
  }
  console.log(await g.fs.readFile('/etc/hostname', 'utf8'));
} finally {
  await g.close();
}
