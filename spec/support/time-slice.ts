import { TimeSlice } from '../../src/sources/manifests/time-slice.js';

/** Slices that nobody ends, and that end themselves as they do in the program. */
export function timeSlice(signal: AbortSignal = new AbortController().signal): TimeSlice {
  return new TimeSlice(() => performance.now(), signal);
}
