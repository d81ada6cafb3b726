import type { Listening } from './messages.js';
import { serve } from './serve.js';

/** The process behind every peer. It tells its addresses, and ends with the bench. */

process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; the bench ends this one when it is ready to.
process.on('SIGINT', () => undefined);

const { addresses } = await serve();
const message: Listening = { kind: 'listening', addresses };
process.send?.(message);
