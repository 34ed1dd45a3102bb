/** Worker of the tests: the engine's server with the fake platform and actions. */
import { serveEngine } from '../../src/backends/engine/serve.ts';
import { emptyPlatform, fakeActions } from './fake-engine.ts';

serveEngine(emptyPlatform, fakeActions);
