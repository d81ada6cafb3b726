import { beforeEach, describe, expect } from 'vitest';
import { eventually } from '../support/deadline.js';
import { openSockets } from '../support/open-sockets.js';
import { describeBackPressure } from './back-pressure-contract.js';
import { describeBalancing } from './balancing-contract.js';
import { describeConnectionLimit } from './connection-limit-contract.js';
import type { StartEngine } from './contract-engine.js';
import { describeDial } from './dial-contract.js';
import { describeFigures } from './figures-contract.js';
import { describeHalfClose } from './half-close-contract.js';
import { describeHalfClosedTimeout } from './half-closed-timeout-contract.js';
import { describeInterleaving } from './interleaving-contract.js';
import { describeLeadingBack } from './leading-back-contract.js';
import { describeLimits } from './limits-contract.js';
import { describePortal } from './portal-contract.js';
import { describeReset } from './reset-contract.js';
import { describeRouting } from './routing-contract.js';
import { describeSettingAside } from './set-aside-contract.js';
import { describeSettings } from './settings-contract.js';
import { describeShutdown } from './shutdown-contract.js';
import { describeStreams } from './stream-contract.js';
import { describeTcp } from './tcp-contract.js';
import { describeUdp } from './udp-contract.js';
import { describeUdpCrowd } from './udp-crowd-contract.js';
import { describeUdpFaults } from './udp-fault-contract.js';
import { describeUdpReplies } from './udp-reply-contract.js';
import { describeUdpSession } from './udp-session-contract.js';
import { describeUrgentData } from './urgent-data-contract.js';

/**
 * The relay contract (`src/relay/engine.ts`) as specs, for any engine. Whatever a test did, no socket of this process
 * may be left when it has ended.
 */
export function describeRelayContract(name: string, start: StartEngine): void {
  describe(`the relay contract, kept by the ${name} engine:`, () => {
    beforeEach(({ onTestFinished }) => {
      const before = openSockets();
      onTestFinished(() => eventually(() => expect(openSockets()).toBeLessThanOrEqual(before)));
    });

    describePortal(start);
    describeTcp(start);
    describeStreams(start);
    describeUrgentData(start);
    describeHalfClose(start);
    describeHalfClosedTimeout(start);
    describeReset(start);
    describeBackPressure(start);
    describeInterleaving(start);
    describeDial(start);
    describeSettingAside(start);
    describeLeadingBack(start);
    describeBalancing(start);
    describeRouting(start);
    describeUdp(start);
    describeUdpSession(start);
    describeUdpReplies(start);
    describeUdpFaults(start);
    describeUdpCrowd(start);
    describeLimits(start);
    describeConnectionLimit(start);
    describeSettings(start);
    describeFigures(start);
    describeShutdown(start);
  });
}
