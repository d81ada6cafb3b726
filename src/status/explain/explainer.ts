import type { ProxyView } from '../../proxier/proxy-view.js';
import type { RelayEngine } from '../../relay/engine.js';
import type { Steering } from '../../steering/steering.js';
import type { StatusFacts } from '../status-report.js';
import { bindingsOf, clientAddress } from './asked-client.js';
import { type ExplainReport, type ExplanationInput, explanations } from './explanation.js';
import { servicePortsMeant } from './service-ports-meant.js';

/** What somebody wants to have explained. */
export interface AskedExplanation {
  /** `NAMESPACE/SERVICE`, or with `:PORT`. */
  readonly service: string;
  /** The IP address of the client in question; null for none. */
  readonly client: string | null;
}

/** @throws KubeSpliceError `SERVICE_PORT_UNKNOWN`, `CLIENT_ADDRESS_INVALID`. */
export type Explain = (asked: AskedExplanation) => Promise<ExplainReport>;

/** Whom the answer comes from. */
export interface ExplainedProxy extends Pick<ExplanationInput, 'verdicts' | 'failuresOf'> {
  readonly facts: Pick<StatusFacts, 'version' | 'steering'>;
  readonly view: Pick<ProxyView, 'servicePorts' | 'redirects'>;
  readonly engine: Pick<RelayEngine, 'counters' | 'affinity'>;
  readonly steering: Pick<Steering, 'rulesOf'>;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Answers for a running proxy why the traffic of a Service goes where it goes. */
export function explainer(proxy: ExplainedProxy): Explain {
  const { facts, view, engine } = proxy;
  return async ({ service, client }) => {
    const address = client === null ? null : clientAddress(client);
    const names = servicePortsMeant(
      service,
      view.servicePorts().map(({ servicePort }) => servicePort),
    );
    const bindings = address === null ? null : await bindingsOf(engine, names, address);
    const counters = await engine.counters();
    const now = proxy.now();
    return {
      version: facts.version,
      currentTime: new Date(now).toISOString(),
      steering: facts.steering,
      explanations: explanations(names, {
        ...proxy,
        counters,
        client: address === null || bindings === null ? null : { address, bindings },
        now,
      }),
    };
  };
}
