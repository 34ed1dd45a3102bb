// Reads every regular file below a folder of a filesystem image, with the parsers alone: `node read-all.mjs IMAGE FOLDER`.
import { openFile } from 'guestfs/block';
import { ext4Format } from 'guestfs/ext4';
import { MountedTree } from 'guestfs/vfs';

const [image, folder] = process.argv.slice(2);
const device = openFile(image);
const fs = ext4Format.open(device, {});
const tree = new MountedTree();
tree.mount(fs, '/', { mountable: image, readonly: true, options: [] });
const buffer = new Uint8Array(256 * 1024);
let bytes = 0;
const todo = [tree.resolve(folder)];
for (let directory = todo.pop(); directory !== undefined; directory = todo.pop()) {
  for (const entry of tree.readdir(directory)) {
    const file = tree.child(directory, entry);
    if (entry.type === 'directory') todo.push(file);
    if (entry.type !== 'file') continue;
    for (let offset = 0, count = 1; count > 0; offset += count) {
      count = tree.read(file, offset, buffer);
      bytes += count;
      if (count < buffer.length) break;
    }
  }
}
console.log(bytes);
