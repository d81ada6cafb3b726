import type { Logger } from '../host/log.js';
import { notifySocket } from '../host/notify-socket.js';
import { programSearch } from '../host/program-search.js';
import { ServiceNotifier, takeServiceEnvironment } from '../host/service-notifier.js';
import { SpawnedCommands } from '../host/spawned-commands.js';
import { ServiceReport } from './service-report.js';

/**
 * A report to the service manager that started this process, or to nobody. What the manager said in the environment is
 * removed from there: it is not for the programs that this process starts.
 */
export function serviceReportFromEnvironment(
  environment: Record<string, string | undefined>,
  logger: Logger,
): ServiceReport {
  const { socket, descriptor, watchdogMs } = takeServiceEnvironment(environment, process.pid);
  const found = notifySocket({
    socket,
    descriptor,
    find: programSearch(environment.PATH),
    runner: new SpawnedCommands({ ...environment, NOTIFY_SOCKET: socket }),
  });
  if (found === null && socket !== undefined)
    logger.warn(
      'systemd is not notified: neither kube-splice-relay --notify-exec nor systemd-notify is there',
    );
  return new ServiceReport({
    notifier: found === null ? null : new ServiceNotifier(found),
    watchdogMs,
    logger,
    now: () => performance.now(),
  });
}
