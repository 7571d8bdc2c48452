// A backend of the reference daemon: one JSON line on its output for each flush, infinities and the like as strings.
exports.init = function (startupTime, config, events) {
  const shown = (key, value) => (typeof value === "number" && !isFinite(value) ? String(value) : value);
  events.on("flush", function (timestamp, metrics) {
    const { counters, timer_data, gauges } = metrics;
    console.log("FLUSH " + JSON.stringify({ counters, timer_data, gauges }, shown));
  });
  return true;
};
