/** A helper thread that decompresses for a reader or compresses for a writer; see ahead-ring.ts. */
import { workerData } from 'node:worker_threads';
import { Ring, type RingPlan } from './ahead-ring.ts';

new Ring(workerData as RingPlan).serve();
