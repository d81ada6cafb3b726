/** A load under way. */
export interface RunningLoad {
  /** Requests, connections, bytes or round trips done so far. */
  done(): number;
  /** Datagrams that had no answer in time and were sent again. */
  lost(): number;
  /** Closes every socket. */
  stop(): Promise<void>;
}
