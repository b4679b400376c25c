// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Pictures as SVG, without any library: scatter plots, lines, bars and heat maps. Colours are Okabe and Ito's (2008),
// and never alone: points differ in shape too, lines in dashes, and names stand beside what they name. chart_style()
// gives the colours, dark ones on a dark screen; a page has it once, a picture of its own inside.

namespace cellvae::program {

/// Text for HTML and SVG: markup is escaped, and what is no UTF-8 or no character of XML becomes U+FFFD.
[[nodiscard]] std::string escaped(std::string_view text);

/// A number in few characters: "0.3561", "-647.5", "14,878".
[[nodiscard]] std::string brief(double value);

/// The style sheet of the pictures.
[[nodiscard]] std::string chart_style();

/// A picture (an svg element) as a file of its own.
[[nodiscard]] std::string stand_alone(const std::string& svg);

struct Axis {
    std::string title;
    bool logarithmic = false;  ///< values that are not above zero are left out
    bool ticks = true;
};

struct PointGroup {
    std::string name;
    std::vector<double> x, y;
};

struct ScatterChart {
    std::string title;
    Axis x, y;
    std::vector<PointGroup> groups;
    bool names_on_points = false;  ///< each group's name at its median, or near it
    bool ramp = false;             ///< the groups are the steps of a scale, the first the lowest
};

struct Line {
    std::string name;
    std::vector<double> x, y;  ///< what is not finite is a gap
};

struct LineChart {
    std::string title;
    Axis x, y;
    std::vector<Line> lines;
    std::optional<double> mark;  ///< a place on the x axis
    std::string mark_name;
};

struct BarChart {
    std::string title;
    Axis x;
    std::vector<std::string> names;
    std::vector<double> values;
    std::vector<std::string> notes;  ///< beside the bars
    std::optional<double> mark;      ///< a place on the x axis
    std::string mark_name;
};

/// Rousseeuw's plot: a row for each cell, in its group, the widest silhouettes first.
struct SilhouetteChart {
    std::string title;
    std::vector<std::string> names;           ///< of the groups
    std::vector<std::vector<double>> widths;  ///< groups x their cells, -1 to 1, in any order
    double mean = 0;                          ///< over all cells
};

struct HeatMap {
    std::string title, row_title, column_title;
    std::vector<std::string> rows, columns;
    std::vector<double> shades;      ///< rows x columns, row-major, -1 to 1
    std::vector<std::string> texts;  ///< rows x columns, or empty
};

[[nodiscard]] std::string draw(const ScatterChart& chart);
[[nodiscard]] std::string draw(const LineChart& chart);
[[nodiscard]] std::string draw(const BarChart& chart);
[[nodiscard]] std::string draw(const SilhouetteChart& chart);
[[nodiscard]] std::string draw(const HeatMap& chart);

}  // namespace cellvae::program
