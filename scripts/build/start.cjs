'use strict';
// Starts a tool out of tools.cjs, the part of the tools that every run needs; tools-rest.cjs has the rest. Compiling them
// takes longer than the rest of a tool's run, so that their compiled form is kept in V8 code caches beside them, one a
// tool: written when the package is built, and used only where V8 says that it fits this Node (`cachedDataRejected`).
// Where it does not, they are compiled as usual.
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { pathToFileURL } = require('node:url');

const CORE = 'core:';
const url = pathToFileURL(__filename).href;
const cacheFile = (part, name) =>
  path.join(
    __dirname,
    'cache',
    `${name}${part === 'tools' ? '' : '.rest'}.${process.version}-${process.arch}`,
  );

/** Run a part; returns its script and what it exports. */
function run(part, name, requireOf, loadRest) {
  const file = path.join(__dirname, `${part}.cjs`);
  let cachedData;
  if (name !== undefined) {
    try {
      cachedData = fs.readFileSync(cacheFile(part, name));
    } catch {
      // A tool that has none, or a Node that is not the one that built the package.
    }
  }
  // The bundle is ASCII, and a function expression already: nothing is decoded, copied or wrapped here.
  const script = new vm.Script(fs.readFileSync(file, 'latin1'), {
    filename: file,
    cachedData,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, requireOf, module, url, loadRest);
  return { script, exports: module.exports };
}

function load(name) {
  let rest;
  const core = run('tools', name, require, (module) => {
    rest ??= run('tools-rest', name, (id) =>
      id.startsWith(CORE) ? core.exports.coreModule(id.slice(CORE.length)) : require(id),
    );
    return rest.exports.module(module);
  });
  return { core, rest: () => rest };
}

/** The name of a run's cache: the shell has one for runs that write. */
function cacheOf(name, args) {
  const writes = args.includes('--rw') || args.includes('-w') || args.includes('-N');
  return name === 'guestfish' && writes ? `${name}-rw` : name;
}

exports.start = (name) => {
  const args = process.argv.slice(2);
  load(cacheOf(name, args)).core.exports.start(name, args);
};

// A tool's caches are taken after the tool ran on an image, so that they hold what such a run needs and little else.
if (require.main === module && process.argv[2] === '--write-code-cache') {
  const { core, rest } = load(undefined);
  const [name, ...args] = process.argv.slice(3);
  void core.exports.runToolByName(name, args).then((status) => {
    if (status !== 0) throw new Error(`${name} ended with status ${status} while its code cache was made`);
    const cache = cacheOf(name, args);
    fs.writeFileSync(cacheFile('tools', cache), core.script.createCachedData());
    if (rest() !== undefined)
      fs.writeFileSync(cacheFile('tools-rest', cache), rest().script.createCachedData());
    process.exit(0);
  });
}
