// What Grafana 13 says of a dashboard of the classic schema, as far as ours use it. Each
// kind of panel is held against its own options, which Grafana's types leave open.
// A test appends the committed files, `const x: Written<Board> = {...}`, and compiles.

import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Heatmap, FieldConfig as HeatmapField } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as Timeline, FieldConfig as TimelineField } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as Table, FieldConfig as TableField } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as Lines, FieldConfig as LinesField } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type {
  AnnotationQuery, Dashboard, FieldConfig, FieldConfigSource, Panel, RowPanel,
} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';

// Grafana's enums by their values, as JSON has them.
export type Written<T> = T extends string ? `${T}`
  : T extends (infer E)[] ? Written<E>[]
  : T extends object ? { [K in keyof T]: Written<T[K]> }
  : T;

// Grafana's Prometheus adds these to a query and to an annotation.
interface PromQuery {
  datasource: { type: string; uid: string };
  editorMode: 'code' | 'builder';
  expr: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  legendFormat: string;
  range: boolean;
  refId: string;
}
interface PromAnnotation extends AnnotationQuery {
  expr: string;
  step: string;
  textFormat: string;
  titleFormat: string;
  useValueForTime: boolean;
}

type Of<Kind, Options, Custom> = Omit<Panel, 'fieldConfig' | 'options' | 'targets' | 'type'> & {
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    defaults: Omit<FieldConfig, 'custom'> & { custom?: Partial<Custom> };
  };
  options: Options;
  targets: PromQuery[];
  type: Kind;
};

type Shown =
  | Of<'bargauge', BarGauge, never>
  | Of<'heatmap', Heatmap, HeatmapField>
  | Of<'stat', Stat, never>
  | Of<'state-timeline', Timeline, TimelineField>
  | Of<'table', Table, TableField>
  | Of<'timeseries', Lines, LinesField>;

export type Board = Omit<Dashboard, 'annotations' | 'panels'> & {
  annotations: { list: PromAnnotation[] };
  panels: (Shown | (Omit<RowPanel, 'panels'> & { panels: Shown[] }))[];
};
