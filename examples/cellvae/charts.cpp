// SPDX-License-Identifier: Apache-2.0
#include "charts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <numeric>
#include <utility>

#include "cellvae/core/error.hpp"

namespace cellvae::program {

namespace {

constexpr int colours = 7, shapes = 5, ramp_steps = 8;

std::string fixed(double value, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

/// A coordinate: a tenth of a pixel is enough.
std::string at(double value) {
    std::string text = fixed(value, 1);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text == "-0" ? "0" : text;
}

/// How wide a text is, nearly: fonts differ.
double width_of(std::string_view text) {
    const auto characters = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
    return 6.6 * static_cast<double>(characters);
}

std::string shortened(const std::string& text, std::size_t most) {
    if (text.size() <= most) return text;
    std::size_t end = most - 1;
    while (end > 0 && (text[end] & 0xc0) == 0x80) --end;  // not within a character
    return text.substr(0, end) + "…";
}

std::string text_at(double x, double y, const std::string& text, const std::string& attributes = "") {
    return message("<text x=\"", at(x), "\" y=\"", at(y), '"', attributes.empty() ? "" : " ", attributes, ">",
                   escaped(text), "</text>");
}

std::string line_at(double x1, double y1, double x2, double y2, const char* style) {
    return message("<path class=\"", style, "\" d=\"M", at(x1), ' ', at(y1), 'L', at(x2), ' ', at(y2), "\"/>");
}

std::string svg(const std::string& title, double width, double height, const std::string& body) {
    return message("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" width=\"", at(width),
                   "\" height=\"", at(height), "\" viewBox=\"0 0 ", at(width), ' ', at(height), "\"><title>",
                   escaped(title), "</title>", body, "</svg>\n");
}

/// One axis: from values to pixels, and its ticks at 1, 2 or 5 times a power of ten.
class Scale {
public:
    Scale(const Axis& axis, double low, double high, double from, double to)
        : logarithmic_(axis.logarithmic), from_(from), to_(to) {
        if (!(low <= high)) low = logarithmic_ ? 0.1 : 0, high = 1;
        if (logarithmic_) low = std::log10(low), high = std::log10(high);
        if (high - low < 1e-12 * std::max(1.0, std::abs(high))) low -= 0.5, high += 0.5;
        low_ = low - 0.03 * (high - low);
        high_ = high + 0.03 * (high - low);
    }

    [[nodiscard]] double operator()(double value) const {
        return from_ + ((logarithmic_ ? std::log10(value) : value) - low_) / (high_ - low_) * (to_ - from_);
    }

    [[nodiscard]] std::vector<std::pair<double, std::string>> ticks() const {
        const double rough = (high_ - low_) / 5;
        double step = std::pow(10, std::floor(std::log10(rough)));
        for (const double times : {2.0, 2.5, 2.0})
            if (step < rough) step *= times;
        if (logarithmic_) step = std::max(1.0, std::ceil(rough));
        std::vector<std::pair<double, std::string>> result;
        const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
        for (double value = std::ceil(low_ / step) * step; value <= high_ + 1e-9 * step; value += step) {
            const double tick = std::abs(value) < 1e-9 * step ? 0 : value;
            if (!logarithmic_)
                result.emplace_back(tick, fixed(tick, digits));
            else if (std::abs(tick) <= 4)
                result.emplace_back(std::pow(10, tick),
                                    fixed(std::pow(10, tick), std::max(0, static_cast<int>(-tick))));
            else
                result.emplace_back(std::pow(10, tick), "1e" + fixed(tick, 0));
        }
        return result;
    }

private:
    bool logarithmic_;
    double low_ = 0, high_ = 1, from_, to_;
};

/// Least and largest of the values that an axis can show.
class Range {
public:
    explicit Range(const Axis& axis) : logarithmic_(axis.logarithmic) {}
    [[nodiscard]] bool shows(double value) const { return std::isfinite(value) && (!logarithmic_ || value > 0); }
    void add(double value) {
        if (!shows(value)) return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    double low = std::numeric_limits<double>::infinity(), high = -low;

private:
    bool logarithmic_;
};

/// The area between two axes.
struct Plot {
    double left, top, right, bottom;

    [[nodiscard]] std::string axes(const Axis& x, const Axis& y, const Scale& across, const Scale& up) const {
        std::string body;
        if (x.ticks)
            for (const auto& [value, text] : across.ticks()) {
                body += line_at(across(value), top, across(value), bottom, "grid");
                body += text_at(across(value), bottom + 16, text, "class=\"tick\" text-anchor=\"middle\"");
            }
        if (y.ticks)
            for (const auto& [value, text] : up.ticks()) {
                body += line_at(left, up(value), right, up(value), "grid");
                body += text_at(left - 6, up(value) + 4, text, "class=\"tick\" text-anchor=\"end\"");
            }
        body += message("<path class=\"axis\" d=\"M", at(left), ' ', at(top), 'V', at(bottom), 'H', at(right), "\"/>");
        body += text_at((left + right) / 2, bottom + (x.ticks ? 34 : 18), x.title, "text-anchor=\"middle\"");
        const double middle = (top + bottom) / 2, beside = y.ticks ? 14 : left - 8;
        body += text_at(beside, middle, y.title,
                        message("text-anchor=\"middle\" transform=\"rotate(-90 ", at(beside), ' ', at(middle), ")\""));
        return body;
    }
};

/// Points as one path: a shape at every place.
std::string marks(const std::vector<std::pair<double, double>>& places, int number, bool ramp, double radius) {
    const int shape = ramp ? 0 : number % shapes;
    const double r = radius;
    std::string path;
    for (const auto& [x, y] : places) switch (shape) {
            case 2:
                path += message('M', at(x - 1.2 * r), ' ', at(y + r), 'h', at(2.4 * r), 'l', at(-1.2 * r), ' ',
                                at(-2.1 * r), 'z');
                break;
            case 3:
                path += message('M', at(x - 1.3 * r), ' ', at(y), 'h', at(2.6 * r), 'm', at(-1.3 * r), ' ',
                                at(-1.3 * r), 'v', at(2.6 * r));
                break;
            case 4:
                path += message('M', at(x - 1.4 * r), ' ', at(y), 'l', at(1.4 * r), ' ', at(-1.4 * r), ' ', at(1.4 * r),
                                ' ', at(1.4 * r), ' ', at(-1.4 * r), ' ', at(1.4 * r), 'z');
                break;
            case 1:  // with a length: on paper a line without one has no square cap
                path += message('M', at(x - 0.1), ' ', at(y), "h.2");
                break;
            default:  // a line without length, whose cap is the point
                path += message('M', at(x), ' ', at(y), "h0");
        }
    const bool filled = shape == 2 || shape == 4;
    const double stroke = shape == 3 ? 0.75 * r : shape == 1 ? 1.7 * r : 2 * r;
    return message("<path class=\"", filled ? "fill" : "stroke", "\" style=\"--k:var(--", ramp ? 'q' : 'c',
                   number % (ramp ? ramp_steps : colours), ")", filled ? "" : ";stroke-width:" + at(stroke),
                   shape == 1 ? ";stroke-linecap:square" : "", "\" d=\"", path, "\"/>");
}

struct PlacedName {
    double x, y;  ///< of the group's median
    std::string name;
};

/// Names at their groups' medians or, where one would lie on another, beside it with a line to it. The first in the
/// list have the choice; for whom no place is near, the legend must do.
std::string names_on(const std::vector<PlacedName>& names, const Plot& plot) {
    struct Box {
        double x, y, half;
    };
    constexpr double height = 14;
    std::vector<Box> boxes;
    std::string lines, texts;
    for (const auto& [x, y, name] : names) {
        const std::string text = shortened(name, 20);
        const double half = 0.62 * width_of(text) + 2, aside = half + 8;  // bold
        for (const auto& [right, down] : {std::pair{0.0, 0.0},
                                          {0.0, -height},
                                          {0.0, height},
                                          {aside, 0.0},
                                          {-aside, 0.0},
                                          {aside, -height},
                                          {-aside, -height},
                                          {aside, height},
                                          {-aside, height},
                                          {0.0, -2 * height},
                                          {0.0, 2 * height},
                                          {aside, -2 * height},
                                          {-aside, -2 * height},
                                          {aside, 2 * height},
                                          {-aside, 2 * height}}) {
            const double most = std::max(plot.left + half, plot.right - half);
            const Box box{std::clamp(x + right, plot.left + half, most), y + down, half};
            if (box.y < plot.top + height / 2 || box.y > plot.bottom - height / 2) continue;
            if (std::any_of(boxes.begin(), boxes.end(), [&](const Box& other) {
                    return std::abs(box.x - other.x) < box.half + other.half && std::abs(box.y - other.y) < height;
                }))
                continue;
            boxes.push_back(box);
            if (right != 0 || std::abs(down) > height)
                lines += line_at(x, y, std::clamp(x, box.x - half, box.x + half), std::clamp(y, box.y - 5, box.y + 5),
                                 "lead");
            texts += text_at(box.x, box.y + 4, text, "class=\"name\" text-anchor=\"middle\"");
            break;
        }
    }
    return lines + texts;
}

double upper_median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Length of the longest, in pixels.
double widest(const std::vector<std::string>& texts) {
    double width = 0;
    for (const auto& text : texts) width = std::max(width, width_of(text));
    return width;
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t length = first < 0x80                    ? 1
                                   : first >= 0xc2 && first < 0xe0 ? 2
                                   : first >= 0xe0 && first < 0xf0 ? 3
                                   : first >= 0xf0 && first < 0xf5 ? 4
                                                                   : 0;
        std::uint32_t code = length == 1 ? first : length == 0 ? 0 : first & (0x7fu >> length);
        bool right = length > 0 && i + length <= text.size();
        for (std::size_t k = 1; right && k < length; ++k) {
            right = (text[i + k] & 0xc0) == 0x80;
            code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3fu);
        }
        right = right && (code >= 0x20 || code == '\t' || code == '\n') && (length < 3 || code >= 0x800) &&
                (length < 4 || code >= 0x10000) && !(code >= 0xd800 && code < 0xe000) && code != 0xfffe &&
                code != 0xffff && code < 0x110000;
        if (!right) {
            result += "\xef\xbf\xbd";
            ++i;
            continue;
        }
        switch (first) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += text.substr(i, length);
        }
        i += length;
    }
    return result;
}

std::string brief(double value) {
    if (!std::isfinite(value)) return std::isnan(value) ? "not known" : value > 0 ? "∞" : "-∞";
    const double size = std::abs(value);
    if (value != 0 && (size < 1e-3 || size >= 1e9)) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.1e", value);
        return text.data();
    }
    const bool whole = value == std::floor(value);
    std::string text = fixed(value, whole ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
    const auto point = std::min(text.find('.'), text.size());
    for (std::size_t i = point; i > 3 + (value < 0 ? 1u : 0u); i -= 3) text.insert(i - 3, 1, ',');
    return text;
}

std::string chart_style() {
    return R"(:root{--paper:#fff;--ink:#1a1a1a;--soft:#595f66;--grid:#e4e6e8;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9;--c6:#6b5d00;
--q0:#b9d1e6;--q1:#95b9da;--q2:#6e9fcb;--q3:#4a84bb;--q4:#2c69a5;--q5:#164f88;--q6:#0a3768;--q7:#031f42}
@media screen and (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e9eaec;--soft:#a9afb6;--grid:#31373e;
--c0:#3d9be0;--c1:#f07c2c;--c2:#1fc796;--c3:#e39cc4;--c4:#f2b233;--c5:#8fd0f7;--c6:#d8c94a;
--q0:#2b4a68;--q1:#35628a;--q2:#437ba9;--q3:#5a94c2;--q4:#7badd4;--q5:#9fc5e2;--q6:#c3dcee;--q7:#eef6fc}}
.chart{background:var(--paper);max-width:100%;height:auto}
.chart text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:var(--ink)}
.chart text.tick{fill:var(--soft)}
.chart text.title{font-weight:600;font-size:13px}
.chart text.name{font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:3.5px;stroke-linejoin:round}
.chart text.over{fill:#fff}
.chart .grid{stroke:var(--grid);fill:none}
.chart .axis{stroke:var(--soft);fill:none}
.chart .lead{stroke:var(--ink);stroke-width:1;fill:none}
.chart .mark{stroke:var(--ink);stroke-dasharray:2 3;fill:none}
.chart .cell{stroke:var(--grid);stroke-width:.5;fill:none}
.chart .fill{fill:var(--k)}
.chart .stroke{stroke:var(--k);stroke-linecap:round;fill:none}
@media print{.chart *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)";
}

std::string stand_alone(const std::string& svg) {
    const auto begin = svg.find('>') + 1;
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + svg.substr(0, begin) + "<style>" + chart_style() +
           "</style><rect width=\"100%\" height=\"100%\" style=\"fill:var(--paper)\"/>" + svg.substr(begin);
}

std::string draw(const ScatterChart& chart) {
    const double left = chart.y.ticks ? 58 : 24;
    const Plot plot{left, 28, left + 400, 408};
    Range across(chart.x), up(chart.y);
    std::size_t points = 0;
    for (const auto& group : chart.groups)
        for (std::size_t i = 0; i < group.x.size(); ++i) {
            if (!across.shows(group.x[i]) || !up.shows(group.y[i])) continue;
            across.add(group.x[i]);
            up.add(group.y[i]);
            ++points;
        }
    const Scale x(chart.x, across.low, across.high, plot.left, plot.right);
    const Scale y(chart.y, up.low, up.high, plot.bottom, plot.top);
    std::string body = text_at(plot.left, 18, chart.title, "class=\"title\"") + plot.axes(chart.x, chart.y, x, y);

    // the largest first, so that the small ones lie on top; a scale in its own order
    std::vector<std::size_t> order(chart.groups.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (!chart.ramp)
        std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
            return chart.groups[i].x.size() > chart.groups[j].x.size();
        });
    const double radius = points > 2500 ? 1.5 : points > 800 ? 2 : 2.6;
    std::vector<PlacedName> names;
    for (const std::size_t g : order) {
        std::vector<std::pair<double, double>> places;
        std::vector<double> xs, ys;
        for (std::size_t i = 0; i < chart.groups[g].x.size(); ++i) {
            if (!across.shows(chart.groups[g].x[i]) || !up.shows(chart.groups[g].y[i])) continue;
            places.emplace_back(x(chart.groups[g].x[i]), y(chart.groups[g].y[i]));
            xs.push_back(places.back().first);
            ys.push_back(places.back().second);
        }
        if (places.empty()) continue;
        body += marks(places, static_cast<int>(g), chart.ramp, radius);
        names.push_back({upper_median(std::move(xs)), upper_median(std::move(ys)), chart.groups[g].name});
    }
    if (chart.names_on_points) body += names_on(names, plot);

    constexpr std::size_t lines = 22;  // of the legend, in one column
    double column = plot.right + 20, width = column;
    for (std::size_t g = 0; g < chart.groups.size(); ++g) {
        const std::string name = shortened(chart.groups[g].name, 30);
        if (g > 0 && g % lines == 0) column = width + 8;
        const double line = plot.top + 12 + 17 * static_cast<double>(g % lines);
        body += marks({{column, line - 4}}, static_cast<int>(g), chart.ramp, 4);
        body += text_at(column + 10, line, name);
        width = std::max(width, column + 18 + 1.12 * width_of(name));  // capitals are wide
    }
    return svg(chart.title, width, plot.bottom + 42, body);
}

std::string draw(const LineChart& chart) {
    const Plot plot{72, 28, 72 + 440, 228};
    Range across(chart.x), up(chart.y);
    for (const auto& line : chart.lines) {
        for (const double value : line.x) across.add(value);
        // the first epochs may fall far; they are cut off, so that the others can be seen
        for (std::size_t i = line.y.size() / 10; i < line.y.size(); ++i) up.add(line.y[i]);
    }
    const Scale x(chart.x, across.low, across.high, plot.left, plot.right);
    const Scale y(chart.y, up.low, up.high, plot.bottom, plot.top);
    std::string body = text_at(plot.left, 18, chart.title, "class=\"title\"") + plot.axes(chart.x, chart.y, x, y);
    if (chart.mark) {
        body += line_at(x(*chart.mark), plot.top, x(*chart.mark), plot.bottom, "mark");
        const bool near_end = x(*chart.mark) > (plot.left + plot.right) / 2;
        // below, unless a line is in its way there
        const double from = x(*chart.mark) - (near_end ? 80 : 0), to = from + 80;
        bool taken = false;
        for (const auto& line : chart.lines)
            for (std::size_t i = 0; i < line.x.size(); ++i)
                taken = taken || (up.shows(line.y[i]) && x(line.x[i]) >= from && x(line.x[i]) <= to &&
                                  y(line.y[i]) > plot.bottom - 26);
        body += text_at(x(*chart.mark) + (near_end ? -5 : 5), taken ? (plot.top + plot.bottom) / 2 : plot.bottom - 6,
                        chart.mark_name, message("class=\"name\" text-anchor=\"", near_end ? "end" : "start", '"'));
    }
    const char* dashes[] = {"", ";stroke-dasharray:6 4", ";stroke-dasharray:2 4"};
    double least = plot.top - 100, width = plot.right + 12;
    std::vector<std::pair<double, std::size_t>> ends;
    for (std::size_t l = 0; l < chart.lines.size(); ++l) {
        const auto& line = chart.lines[l];
        std::string path;
        bool drawn = false;
        double end = plot.bottom;
        for (std::size_t i = 0; i < line.x.size(); ++i) {
            const double height = y(line.y[i]);
            if (!up.shows(line.y[i]) || height > plot.bottom + 1 || height < plot.top - 1) {
                drawn = false;
                continue;
            }
            path += message(drawn ? 'L' : 'M', at(x(line.x[i])), ' ', at(height));
            if (!drawn) path += "h0";  // so that a single point is seen
            drawn = true;
            end = height;
        }
        if (path.empty()) continue;
        body += message("<path class=\"stroke\" style=\"--k:var(--c", l % colours, ");stroke-width:2", dashes[l % 3],
                        "\" d=\"", path, "\"/>");
        ends.emplace_back(end, l);
    }
    std::sort(ends.begin(), ends.end());
    for (const auto& [end, l] : ends) {
        least = std::max(end + 4, least + 14);
        body += text_at(plot.right + 6, least, chart.lines[l].name,
                        message("class=\"name\" style=\"fill:var(--c", l % colours, ")\""));
        width = std::max(width, plot.right + 18 + 1.08 * width_of(chart.lines[l].name));
    }
    return svg(chart.title, width, plot.bottom + 42, body);
}

std::string draw(const BarChart& chart) {
    constexpr double row = 20;
    std::vector<std::string> names;
    for (const auto& name : chart.names) names.push_back(shortened(name, 30));
    const double left = 16 + 1.15 * widest(names);
    const Plot plot{left, 28, left + 330, 28 + 6 + row * static_cast<double>(names.size())};
    Range across(chart.x);
    across.add(0);
    for (const double value : chart.values) across.add(value);
    if (chart.mark) across.add(*chart.mark);
    const Scale x(chart.x, across.low, across.high, plot.left, plot.right);
    const Scale y(Axis{}, 0, 1, plot.bottom, plot.top);
    std::string body =
        text_at(plot.left, 18, chart.title, "class=\"title\"") + plot.axes(chart.x, {"", false, false}, x, y);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const double top = plot.top + 6 + row * static_cast<double>(i), from = std::min(x(0), x(chart.values[i]));
        body += text_at(plot.left - 6, top + 11, names[i], "text-anchor=\"end\"");
        body +=
            message("<rect class=\"fill\" style=\"--k:var(--c", chart.values[i] < 0 ? 1 : 0, ")\" x=\"", at(from),
                    "\" y=\"", at(top), "\" width=\"", at(std::abs(x(chart.values[i]) - x(0))), "\" height=\"14\"/>");
        body += text_at(plot.right + 8, top + 11, chart.notes[i], "class=\"tick\"");
    }
    if (chart.mark) {
        body += line_at(x(*chart.mark), plot.top, x(*chart.mark), plot.bottom, "mark");
        body += text_at(plot.right, 18, "┆ " + chart.mark_name, "text-anchor=\"end\"");
    }
    return svg(chart.title, plot.right + 20 + widest(chart.notes), plot.bottom + 42, body);
}

std::string draw(const SilhouetteChart& chart) {
    constexpr double gap = 5, least = 15, all = 400;
    constexpr std::size_t most_corners = 150;  // of a group's outline: more cells are more than there are pixels
    double cells = 0;
    for (const auto& group : chart.widths) cells += static_cast<double>(group.size());
    std::vector<std::string> names, notes;
    std::vector<double> heights;
    double height = gap;
    Axis axis{"silhouette"};
    Range across(axis);
    across.add(0);
    across.add(chart.mean);
    for (std::size_t g = 0; g < chart.widths.size(); ++g) {
        const auto& widths = chart.widths[g];
        names.push_back(shortened(chart.names[g], 26));
        double sum = 0;
        for (const double width : widths) {
            across.add(width);
            sum += width;
        }
        const auto size = static_cast<double>(widths.size());
        notes.push_back(widths.empty()
                            ? ""
                            : message(brief(sum / size), " (", brief(size), widths.size() == 1 ? " cell)" : " cells)"));
        heights.push_back(std::max(least, all * size / std::max(1.0, cells)));
        height += heights.back() + gap;
    }
    const double left = 16 + 1.15 * widest(names);  // capitals are wide
    const Plot plot{left, 28, left + 330, 28 + height};
    const Scale x(axis, across.low, across.high, plot.left, plot.right), y(Axis{}, 0, 1, plot.bottom, plot.top);
    std::string body =
        text_at(plot.left, 18, chart.title, "class=\"title\"") + plot.axes(axis, {"", false, false}, x, y);
    double top = plot.top + gap;
    for (std::size_t g = 0; g < chart.widths.size(); ++g) {
        auto widths = chart.widths[g];
        std::sort(widths.rbegin(), widths.rend());
        const std::size_t corners = std::min(most_corners, widths.size());
        if (corners > 0) {
            std::string path = message('M', at(x(0)), ' ', at(top));
            for (std::size_t i = 0; i < corners; ++i)  // the cell in the middle of each step
                path += message('H', at(x(widths[(2 * i + 1) * widths.size() / (2 * corners)])), 'V',
                                at(top + heights[g] * static_cast<double>(i + 1) / static_cast<double>(corners)));
            body += message("<path class=\"fill\" style=\"--k:var(--c", g % colours, ")\" d=\"", path, 'H', at(x(0)),
                            "z\"/>");
        }
        const double middle = top + heights[g] / 2 + 4;
        body += text_at(plot.left - 6, middle, names[g], "text-anchor=\"end\"");
        body += text_at(plot.right + 8, middle, notes[g], "class=\"tick\"");
        top += heights[g] + gap;
    }
    body += line_at(x(chart.mean), plot.top, x(chart.mean), plot.bottom, "mark");
    body += text_at(plot.right, 18, "┆ mean " + brief(chart.mean), "text-anchor=\"end\"");
    return svg(chart.title, plot.right + 20 + widest(notes), plot.bottom + 42, body);
}

std::string draw(const HeatMap& chart) {
    std::vector<std::string> rows, columns;
    for (const auto& name : chart.rows) rows.push_back(shortened(name, 26));
    for (const auto& name : chart.columns) columns.push_back(shortened(name, 26));
    const auto across = static_cast<double>(columns.size());
    const double cell = std::clamp(700 / std::max(1.0, across), 16.0, 40.0), row = 22;
    const double names = std::min(widest(columns), 26 * 6.6), sine = 0.71;
    const bool slanted = names > cell - 2;
    const double left = 34 + 1.15 * widest(rows), top = 50 + (slanted ? sine * names + 6 : 14);
    std::string body = text_at(4, 18, chart.title, "class=\"title\"");
    body += text_at(4, 36, "rows: " + chart.row_title + "; columns: " + chart.column_title, "class=\"tick\"");
    for (std::size_t r = 0; r < rows.size(); ++r)
        body += text_at(left - 6, top + row * static_cast<double>(r) + 15, rows[r], "text-anchor=\"end\"");
    for (std::size_t c = 0; c < columns.size(); ++c) {
        const double x = left + cell * (static_cast<double>(c) + 0.5);
        body += slanted ? text_at(x, top - 6, columns[c],
                                  message("transform=\"rotate(-45 ", at(x), ' ', at(top - 6), ")\""))
                        : text_at(x, top - 6, columns[c], "text-anchor=\"middle\"");
    }
    for (std::size_t r = 0; r < rows.size(); ++r)
        for (std::size_t c = 0; c < columns.size(); ++c) {
            const double shade = chart.shades[r * columns.size() + c], size = std::min(1.0, std::abs(shade));
            const double x = left + cell * static_cast<double>(c), y = top + row * static_cast<double>(r);
            body += message("<rect class=\"cell\" x=\"", at(x), "\" y=\"", at(y), "\" width=\"", at(cell),
                            "\" height=\"", at(row), '"',
                            size < 0.005 ? std::string()
                                         : message(" style=\"fill:var(--", shade < 0 ? "c1" : "c0",
                                                   ");fill-opacity:", fixed(size, 2), '"'),
                            "/>");
            if (!chart.texts.empty() && cell >= 24)
                body += text_at(x + cell / 2, y + 15, chart.texts[r * columns.size() + c],
                                message("text-anchor=\"middle\"", size > 0.55 ? " class=\"over\"" : ""));
        }
    const double right = left + cell * across + (slanted ? sine * names : 0) + 10;
    return svg(
        chart.title,
        std::max({right, 60 + width_of(chart.title) * 1.1, 20 + width_of(chart.row_title + chart.column_title) + 120}),
        top + row * static_cast<double>(rows.size()) + 8, body);
}

}  // namespace cellvae::program
