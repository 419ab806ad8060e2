import type { ModelDetail, ModelDrift } from '@/lib/api-types';
import { plural } from '@/lib/format';

const SOURCES: Record<string, string> = {
  model: 'Model',
  posterior: "Tutor's and student's history",
  shrunk_rate: "Tutor's rate",
  global_rate: "Platform's rate",
};

export function sourceWords(source: string): string {
  return SOURCES[source] ?? source;
}

export interface Verdict {
  tone: 'low' | 'warning' | 'none';
  word: string;
  sentence: string;
}

export function verdictOf(drift: ModelDrift): Verdict {
  switch (drift.state) {
    case 'too few':
      return {
        tone: 'none',
        word: 'Too early to say',
        sentence: `${plural(drift.n, 'session')} with a known end so far`,
      };
    case 'stable':
      return {
        tone: 'low',
        word: 'Stable',
        sentence: `no drift over ${plural(drift.n, 'session')}`,
      };
    case 'drifting':
      return {
        tone: 'warning',
        word: 'Drifting',
        sentence: `probabilities have become ${drift.direction}: recalibrate or train anew`,
      };
  }
}

/** The source whose figures head the page: the model's, else that of most predictions. */
export function mainSource(live: ModelDetail['live']): string | undefined {
  const byCount = Object.entries(live).sort(([, a], [, b]) => b.overall.n - a.overall.n);
  return live.model ? 'model' : byCount[0]?.[0];
}

/** Population stability index: the customary limits. */
export function shiftTone(index: number): 'low' | 'warning' | 'high' {
  if (index < 0.1) return 'low';
  return index < 0.25 ? 'warning' : 'high';
}
