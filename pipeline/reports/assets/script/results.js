// The results as `score --json` gives them.
const at = (column, index) => (column ? column[index] : null);
function contract(routine, entry) {
  const { clips, parts } = entry, explained = entry.baseline != null;
  return {
    video: routine.video, score: entry.score, score_name: entry.score_name, interval: entry.interval,
    remarks: entry.remarks,
    clips: clips.score.map((score, i) => ({
      start_s: at(clips.start_s, i), end_s: at(clips.end_s, i), score, weight: clips.weight[i],
      aligned: entry.aligned,
    })),
    baseline: entry.baseline, baseline_above_mean: entry.baseline_above_mean,
    contributions: !explained ? [] : parts.points.map((points, i) => {
      const low = parts.width ? points - parts.width[i] : null;
      const high = parts.width ? points + parts.width[i] : null;
      return { start_s: at(parts.start_s, i), end_s: at(parts.end_s, i), points, low, high,
        sure: parts.width ? low > 0 || high < 0 : null };
    }),
    phases: entry.phases, checkpoint: entry.checkpoint, features: entry.features,
  };
}
const contracts = () => ({
  results: [...report.routines.flatMap((r) => r.entries.map((e) => contract(r, e))), ...report.failures],
});

// ---- one score of one routine, as the charts see it ----
function seen(entry) {
  const { parts } = entry, timed = parts.start_s != null, count = parts.points.length;
  const starts = timed ? parts.start_s : parts.points.map((_, i) => i);
  // A picture that stands for longer than a frame overlaps the next clip: there each ends.
  const ends = starts.map((start, i) =>
    Math.min(timed ? parts.end_s[i] : start + 1, i + 1 < count ? starts[i + 1] : Infinity));
  const clear = parts.margin.map((margin, i) => (parts.width ? Math.abs(margin) > parts.width[i] : null));
  const label = (i) => timed ? `${clock(starts[i], true)}\u2013${clock(ends[i], true)}` : `${t("clip")} ${i + 1}`;
  const clipAt = (x) => clipAmong(starts, x), edge = (quarter) => starts[Math.ceil((quarter * count) / 4)] ?? ends[count - 1];
  const axis = AXES[timed ? "second" : "clip"], bands = [[edge(1), edge(2)], [edge(3), edge(4)]];
  const moments = [...entry.won, ...entry.lost].sort((a, b) => a - b);
  // What the experiment's config names, beside the quarters.
  const named = entry.phases.filter((phase) => !/ quarter$/.test(phase.name) && phase.start_s != null);
  return { named, entry, parts, timed, count, starts, ends, clear, label, clipAt, axis, bands, moments };
}
function words(view, i) {
  const { parts } = view, said = [`${signed(parts.points[i])} ${t("pts")}`];
  if (parts.width) said[0] += ` (\u00b1 ${fixed(parts.width[i])})`;
  if (parts.above) said.push(`${t("typical")} ${signed(parts.points[i] - parts.margin[i])}`);
  if (parts.above) said.push(t("abovewords", { n: Math.round(parts.above[i]) }));
  if (view.clear[i] !== null) said.push(t(view.clear[i] ? "sure" : "noise"));
  return said.join(", ");
}
const quarter = (view, i) =>
  t(["first", "second", "third", "last"][Math.floor((i * 4) / view.count)] + " quarter");
