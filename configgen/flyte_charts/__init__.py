"""Values for Flyte's own charts, such that Flyte reads what an environment says.

Three merges lie between values and what Flyte reads. *Helm* lays our values over the chart's: mappings merge, so what
the chart says and we do not has to be taken out with a null; a list never replaces a mapping. The chart's *templates*
evaluate texts as templates (``tpl``), so braces of our own are escaped. *Flyte* merges the resulting documents, lower-
cases the keys of mappings and drops a list over a mapping, so no key may be in two documents in two forms.

One module a chart (:mod:`.core`, :mod:`.binary`, :mod:`.flyte_2`), each from a plain tree of sections to values;
:mod:`.unexpressed` tells what a chart's reader has no word for.
"""
