// What panels are made of, under Grafana's own types: a misspelt option would be ignored by Grafana without a word.
import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  type DataSourceRef,
  FieldColorModeId,
  GraphDrawStyle,
  type GraphFieldConfig,
  LegendDisplayMode,
  LineInterpolation,
  MappingType,
  type Panel,
  PercentChangeColorMode,
  type RowPanel,
  SortOrder,
  type Threshold,
  ThresholdsMode,
  TooltipDisplayMode,
  type ValueMapping,
  VisibilityMode,
  VizOrientation,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig as StateTimelineFieldConfig,
  Options as StateTimelineOptions,
} from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A question to Prometheus, and what its series are called. */
interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** A panel before it has a place. */
export interface PanelSpec {
  readonly title: string;
  /** What it shows, and when somebody should look: the panel's tooltip. */
  readonly description: string;
  readonly queries: readonly Query[];
  readonly unit: Unit;
  /** Columns of 24. */
  readonly width: number;
}

/** Units as Grafana names them. */
type Unit =
  | 'none'
  | 'short'
  | 'percentunit'
  | 's'
  | 'bytes'
  | 'ops'
  | 'dateTimeFromNow'
  | 'suffix: ETH'
  | 'suffix: gwei';

export interface StatSpec extends PanelSpec {
  readonly colours: readonly Threshold[];
  /** Words for values. */
  readonly words?: readonly ValueMapping[];
}

export interface StateSpec extends PanelSpec {
  readonly words: readonly ValueMapping[];
}

const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' };

export const GREEN = 'green';
export const YELLOW = 'yellow';
export const RED = 'red';

/** Good as long as the value is below. */
export function badFrom(value: number, colour = RED): readonly Threshold[] {
  return [
    { color: GREEN, value: null },
    { color: colour, value },
  ];
}

/** Bad as long as the value is below. */
export function goodFrom(value: number, colour = RED): readonly Threshold[] {
  return [
    { color: colour, value: null },
    { color: GREEN, value },
  ];
}

/** Words for 0 and 1. */
export function words(
  zero: readonly [text: string, colour: string],
  one: readonly [text: string, colour: string],
): readonly ValueMapping[] {
  const options = {
    0: { text: zero[0], color: zero[1], index: 0 },
    1: { text: one[0], color: one[1], index: 1 },
  };
  return [{ type: MappingType.ValueToText, options }];
}

/** One figure in large digits. */
export function stat(spec: StatSpec): Panel {
  const options: StatOptions = {
    colorMode: BigValueColorMode.Value,
    graphMode: BigValueGraphMode.Area,
    justifyMode: BigValueJustifyMode.Auto,
    orientation: VizOrientation.Auto,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    showPercentChange: false,
    textMode: BigValueTextMode.Auto,
    wideLayout: true,
  };
  return {
    ...panelOf('stat', spec, 4),
    options: { ...options },
    fieldConfig: {
      defaults: {
        unit: spec.unit,
        color: { mode: FieldColorModeId.Thresholds },
        mappings: [...(spec.words ?? [])],
        thresholds: { mode: ThresholdsMode.Absolute, steps: [...spec.colours] },
      },
      overrides: [],
    },
  };
}

/** Lines over time. */
export function lines(spec: PanelSpec): Panel {
  const options: TimeSeriesOptions = {
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  };
  const custom: GraphFieldConfig = {
    drawStyle: GraphDrawStyle.Line,
    lineInterpolation: LineInterpolation.StepAfter,
    lineWidth: 1,
    fillOpacity: 8,
    showPoints: VisibilityMode.Never,
    spanNulls: false,
    axisPlacement: AxisPlacement.Auto,
  };
  return {
    ...panelOf('timeseries', spec, 7),
    options: { ...options },
    fieldConfig: {
      defaults: {
        unit: spec.unit,
        min: 0,
        color: { mode: FieldColorModeId.PaletteClassic },
        custom: { ...custom },
      },
      overrides: [],
    },
  };
}

/** What is so, over time: one bar for each series. */
export function states(spec: StateSpec): Panel {
  const options: StateTimelineOptions = {
    alignValue: 'left',
    legend: { calcs: [], displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: false },
    mergeValues: true,
    rowHeight: 0.9,
    showValue: VisibilityMode.Never,
    tooltip: { mode: TooltipDisplayMode.Single, sort: SortOrder.None },
  };
  const custom: StateTimelineFieldConfig = { fillOpacity: 80, lineWidth: 0 };
  return {
    ...panelOf('state-timeline', spec, 7),
    options: { ...options },
    fieldConfig: {
      defaults: {
        unit: spec.unit,
        color: { mode: FieldColorModeId.Thresholds },
        mappings: [...spec.words],
        thresholds: { mode: ThresholdsMode.Absolute, steps: [{ color: GREEN, value: null }] },
        custom: { ...custom },
      },
      overrides: [],
    },
  };
}

function panelOf(type: string, { title, description, queries, width }: PanelSpec, height: number): Panel {
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    gridPos: { h: height, w: width, x: 0, y: 0 },
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
    })),
  };
}

const COLUMNS = 24;

/** Gives every panel a number and a place: rows one below the other, panels from left to right. */
export function arrange(
  rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[],
): (Panel | RowPanel)[] {
  const placed: (Panel | RowPanel)[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    placed.push({
      type: 'row',
      id: placed.length + 1,
      title,
      collapsed: false,
      gridPos: { h: 1, w: COLUMNS, x: 0, y },
      panels: [],
    });
    y++;
    let x = 0;
    let height = 0;
    for (const panel of panels) {
      const { h = 0, w = 0 } = panel.gridPos ?? {};
      if (x + w > COLUMNS) {
        x = 0;
        y += height;
        height = 0;
      }
      placed.push({ ...panel, id: placed.length + 1, gridPos: { h, w, x, y } });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return placed;
}
