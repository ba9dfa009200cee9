"""The tape view: one model of the picture, several renderings in one output.

    scan, alive, segments, again  what is measured on a tape: sizes, bytes, checkpoints, times
    padding, longer, neighbours   what padding reaches, what counts it, what depends on the others
    elsewhere                     a function as it is, but for some of the arrays it finds around it
    names, folds, sources         what the learner's text says about it: names, calls, loops, lines
    boxes, heat, scene, layout    the words on a box, and where it goes
    overlays, opened              what is laid over the picture; what is inside of a composite
    picture                       all of it as one model of plain data
    svg, html, text               the renderings; view.js makes the HTML interactive
    sea                           regions and phis: the picture of `ad.sea(f)`
    view, cells                   `show(tape)`; `%%tape`, and tapes that display themselves

The interactive part is one small script over our own SVG and not a Bokeh figure. A Bokeh canvas has
no text that a screen reader, a style sheet or a keyboard can reach, letters that do not scale with
what they stand on, and 1.6 MB to be loaded; here boxes are elements of the page.
"""
