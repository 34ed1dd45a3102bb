// The parsers alone, without handle or worker: a qcow2 image, its partition table, a filesystem, a file.
// `node examples/standalone-parsers.mjs IMAGE`
import { rangeDevice } from 'guestfs/block';
import { ext4Format } from 'guestfs/ext4';
import { openImage } from 'guestfs/images';
import { readPartitionTable } from 'guestfs/partitions';

const { device } = openImage(process.argv[2], { readonly: true });
for (const { number, start, size, name } of readPartitionTable(device)?.partitions ?? []) {
  const partition = rangeDevice(device, start, size, `partition ${number}`);
  const identity = ext4Format.probe(partition);
  console.log(
    `${number}: ${size} bytes, ${name || 'no name'}, ${identity ? identity.type : 'no ext filesystem'}`,
  );
  if (identity === null) continue;
  const fs = ext4Format.open(partition, {});
  for (const entry of fs.readdir(fs.root)) console.log(`   ${entry.type.padEnd(9)} ${entry.name}`);
  fs.close();
}
device.close();
