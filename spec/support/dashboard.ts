import { readFileSync } from 'node:fs';

/** Of a dashboard of Grafana, what says where a panel is and what it asks. */
export interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string }[];
}

export const DASHBOARD = 'deploy/grafana-dashboard.json';

export function dashboardPanels(): readonly DashboardPanel[] {
  return (JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: readonly DashboardPanel[] }).panels;
}

/** What a panel asks, as Grafana would for every node of the job `kube-splice`. */
export function queriesOf({ targets = [] }: DashboardPanel): readonly string[] {
  return targets.map(({ expr }) =>
    expr.replaceAll('$job', 'kube-splice').replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'),
  );
}
