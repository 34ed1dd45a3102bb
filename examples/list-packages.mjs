// Which packages are installed in these images? `node examples/list-packages.mjs IMAGE...`
import { Guestfs } from 'guestfs';

for (const image of process.argv.slice(2)) {
  const g = await Guestfs.open(image, { inspect: true });
  try {
    for (const root of await g.inspectGetRoots()) {
      console.log(`${image}: ${await g.inspectGetProductName(root)}`);
      for (const app of await g.inspectListApplications2(root)) {
        console.log(`  ${app.app2Name} ${app.app2Version}`);
      }
    }
  } finally {
    await g.close();
  }
}
