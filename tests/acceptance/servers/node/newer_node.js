// Node 23 removed util.log, which the reference daemon calls; loaded in front of it.
const util = require("util");
if (!util.log) util.log = (...words) => console.log(...words);
