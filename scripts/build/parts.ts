/**
 * Cuts the tools into two bundles: what every run that looks inside needs, and the rest, which is loaded at the first
 * use of any of it. V8 takes as long to restore the functions of a bundle that are never called as those that are, so
 * that a small bundle starts sooner.
 *
 * The core is what its roots import, save the modules that can come later. Those are called through functions that load the
 * rest first. The rest takes what it needs of the core from the core's own modules: nothing is there twice.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';

/** Whatever these import is in the core. */
const ROOTS = [
  'src/tools/main.ts',
  'src/tools/virt-cat.ts',
  'src/tools/virt-df.ts',
  'src/tools/virt-filesystems.ts',
  'src/tools/virt-ls.ts',
  'src/handle/index.ts',
  'src/backends/auto/index.ts',
  'src/backends/engine/own-thread.ts',
  'src/platform/engine/index.ts',
  'src/daemon/actions/lvm.ts',
  'src/daemon/actions/partitions.ts',
];

/** Modules of functions and classes that the core calls, and that most runs never call. */
const LATER = [
  'src/backends/io/tar-extractor.ts',
  'src/backends/io/tar-packer.ts',
  'src/compression/zstd.ts',
  'src/filesystems/ext4/journal/index.ts',
  'src/filesystems/ext4/tune2fs.ts',
  'src/filesystems/ext4/writer/begin.ts',
  'src/filesystems/fat/filesystem.ts',
  'src/filesystems/iso9660/filesystem.ts',
  'src/handle/fs/guest-fs.ts',
  'src/images/create.ts',
  'src/images/qcow2/writer/rebuild.ts',
  'src/images/qcow2/writer/writer.ts',
  'src/partitions/sfdisk-script.ts',
  'src/volumes/lvm2/writer/edit.ts',
  'src/volumes/lvm2/writer/group.ts',
  'src/volumes/lvm2/writer/label.ts',
  'src/volumes/lvm2/writer/removal.ts',
];

/** Prefix of modules of the core as the rest asks for them. */
const CORE = 'core:';

interface Graph {
  /** Modules with what they import, paths below the checkout. */
  imports: Map<string, { path: string; dynamic: boolean }[]>;
  /** Names that a module exports. */
  exports: Map<string, string[]>;
}

async function readGraph(root: string, common: BuildOptions): Promise<Graph> {
  const options = {
    ...common,
    write: false,
    metafile: true,
    outdir: join(root, 'dist'),
    absWorkingDir: root,
  } as const;
  const whole = await build({ ...options, format: 'esm', entryPoints: [ROOTS[0]!] });
  const imports: Graph['imports'] = new Map();
  for (const [path, input] of Object.entries(whole.metafile.inputs)) {
    const known = input.imports.filter(({ external }) => external !== true);
    imports.set(
      path,
      known.map((found) => ({ path: found.path, dynamic: found.kind === 'dynamic-import' })),
    );
  }
  const each = await build({
    absWorkingDir: root,
    outdir: options.outdir,
    outbase: root,
    write: false,
    metafile: true,
    format: 'esm',
    entryPoints: [...imports.keys()],
  });
  const exports: Graph['exports'] = new Map();
  for (const output of Object.values(each.metafile.outputs)) exports.set(output.entryPoint!, output.exports);
  return { imports, exports };
}

/**
 * Throws where a module that comes later cannot: it may export functions and classes alone, and the core may not ask whether
 * something is an instance of one, since it knows only what stands in for it.
 */
function checkLater(root: string, { imports, exports }: Graph, core: Set<string>): void {
  for (const path of LATER) {
    if (!imports.has(path)) throw new Error(`${path} is no module of the tools any more`);
    const text = readFileSync(join(root, path), 'utf8');
    for (const [line] of text.matchAll(/^export (?!(async )?function |class |type |interface ).*/gm)) {
      throw new Error(`${path} cannot be loaded later: it has the line ${line}`);
    }
  }
  const names = new Set(LATER.flatMap((path) => exports.get(path)!));
  for (const path of core) {
    for (const [, name] of readFileSync(join(root, path), 'utf8').matchAll(/\binstanceof (\w+)/g)) {
      if (names.has(name!)) throw new Error(`${path} asks for instances of ${name}, which is loaded later`);
    }
  }
}

/** All that the roots import, not going past the modules that come later. */
function coreOf({ imports }: Graph): Set<string> {
  const core = new Set<string>();
  const todo = [...ROOTS];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (core.has(path) || LATER.includes(path)) continue;
    core.add(path);
    for (const found of imports.get(path) ?? []) if (!found.dynamic) todo.push(found.path);
  }
  return core;
}

/** Bundle the rest. Returns its text, and the modules of the core that it asks for. */
async function buildRest(
  root: string,
  graph: Graph,
  core: Set<string>,
  options: BuildOptions,
  outfile: string,
): Promise<string[]> {
  const asked = new Set<string>();
  const wanted = new Set(LATER);
  for (const path of core) {
    for (const found of graph.imports.get(path) ?? [])
      if (found.dynamic && !core.has(found.path)) wanted.add(found.path);
  }
  const fromCore: Plugin = {
    name: 'from-core',
    setup(builder) {
      builder.onResolve({ filter: /^\./ }, ({ path, importer, kind }) => {
        if (kind === 'require-call') return undefined;
        const target = relative(root, join(dirname(importer), path));
        if (!core.has(target)) return undefined;
        asked.add(target);
        return { path: `${CORE}${target}`, external: true };
      });
    },
  };
  const cases = [...wanted].map((path) => `case '${path}': return require('./${path}');`);
  await build({
    ...options,
    plugins: [...(options.plugins ?? []), fromCore],
    stdin: {
      contents: `exports.module = (path) => { switch (path) { ${cases.join(' ')} } };`,
      resolveDir: root,
    },
    outfile,
  });
  return [...asked].toSorted();
}

/** A stand-in for a module that comes later: its functions and classes load the rest when they are first used. */
function standIn(path: string, names: readonly string[]): string {
  const one = (name: string): string =>
    `export function ${name}(...args) { const real = of().${name}; return new.target ? new real(...args) : real(...args); }`;
  return [`const of = () => loadRest('${path}');`, ...names.map(one)].join('\n');
}

/** Modules of the core that the core loads where it uses them are simply there; those of the rest are loaded. */
function loadedHere(root: string, core: Set<string>, path: string): string {
  const heads: string[] = [];
  const text = readFileSync(join(root, path), 'utf8').replaceAll(
    /\bimport\('(\.[^']+)'\)/g,
    (call, target: string) => {
      const found = relative(root, join(root, dirname(path), target));
      if (target.endsWith('/actions/all.ts')) return call;
      if (!core.has(found))
        return `Promise.resolve().then(() => loadRest('${found}') as typeof import('${target}'))`;
      heads.push(`import * as here${heads.length} from '${target}';`);
      return `Promise.resolve(here${heads.length - 1})`;
    },
  );
  return `${heads.join('')}${text}`;
}

/** Bundle the tools as a core and the rest of it. */
export async function buildParts(
  root: string,
  common: BuildOptions,
  outfiles: { core: string; rest: string },
): Promise<void> {
  const graph = await readGraph(root, common);
  const core = coreOf(graph);
  checkLater(root, graph, core);
  const asked = await buildRest(root, graph, core, common, outfiles.rest);
  const corePlugin: Plugin = {
    name: 'core',
    setup(builder) {
      builder.onResolve({ filter: /^\./ }, ({ path, importer }) => {
        const target = relative(root, join(dirname(importer), path));
        return LATER.includes(target) ? { path: join(root, target), namespace: 'later' } : undefined;
      });
      builder.onLoad({ filter: /./, namespace: 'later' }, ({ path }) => {
        const module = relative(root, path);
        return { contents: standIn(module, graph.exports.get(module)!), loader: 'js' };
      });
      builder.onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => ({
        contents: loadedHere(root, core, relative(root, path)),
        loader: 'ts',
      }));
    },
  };
  const cases = asked.map((path, i) => {
    const names = graph.exports.get(path)!.map((name) => `${name}: m${i}.${name}`);
    return `case '${path}': return { ${names.join(', ')} };`;
  });
  const contents = [
    ...asked.map((path, i) => `import * as m${i} from './${path}';`),
    "export { runToolByName, start } from './src/tools/main.ts';",
    `export const coreModule = (path) => { switch (path) { ${cases.join(' ')} } };`,
  ];
  await build({
    ...common,
    plugins: [...(common.plugins ?? []), corePlugin],
    stdin: { contents: contents.join('\n'), resolveDir: root },
    outfile: outfiles.core,
  });
}
