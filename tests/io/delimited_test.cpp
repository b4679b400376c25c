// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/delimited.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "io_files.hpp"

using cellvae::Categorical;
using cellvae::CountMatrix;
using cellvae::DelimitedOptions;
using cellvae::message;
using cellvae::Orientation;
using cellvae::read_delimited;
using cellvae::read_delimited_with_notes;
using io_files::dense;
using io_files::Folder;
using io_files::is_tidy;
using io_files::refusal;

namespace delimited_test {

namespace {

using Names = std::vector<std::string>;

const std::string geo =
    ",barcode,assigned_cluster,Actb,Gapdh,Ins1,Ins2\n"
    "m1.cell_1,AAGTGAAAG-CGACTCCT,beta,0,2,0,1\n"
    "m1.cell_2,AAGTGGGG-GGCATGCT,ductal,3,0,0,0\n"
    "m1.cell_3,TTGTGAAAG-CGACTCCT,beta,0,0,0,0\n"
    "m1.cell_4,CCGTGAAAG-CGACTCCT,beta,0,0,0,12\n";
const std::vector<float> geo_counts{0, 2, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12};

std::string read_refusal(const std::filesystem::path& path) {
    return refusal(path, [](const auto& file) { return read_delimited(file); });
}

}  // namespace

TEST_CASE("GEO's form: names, barcode and cluster kept as annotations") {
    const Folder folder;
    const auto plain = folder.text("a.csv", geo);
    // The name says nothing: gzip under .csv, plain under .gz.
    for (const auto& path : {plain, folder.gzip("b.csv", geo), folder.text("c.csv.gz", geo)}) {
        const auto read = read_delimited_with_notes(path);
        const CountMatrix& matrix = read.counts;
        CHECK(matrix.obs.names == Names{"m1.cell_1", "m1.cell_2", "m1.cell_3", "m1.cell_4"});
        CHECK(matrix.var.names == Names{"Actb", "Gapdh", "Ins1", "Ins2"});
        CHECK(matrix.row_offsets == std::vector<std::int64_t>{0, 2, 3, 3, 4});
        CHECK(dense(matrix) == geo_counts);
        CHECK(is_tidy(matrix));
        REQUIRE(matrix.obs.columns.size() == 2);
        CHECK(std::get<Names>(matrix.obs.columns[0].values)[1] == "AAGTGGGG-GGCATGCT");
        const auto& cluster = std::get<Categorical>(matrix.obs.find("assigned_cluster")->values);
        CHECK(cluster.categories == Names{"beta", "ductal"});
        CHECK(cluster.codes == std::vector<std::int32_t>{0, 1, 0, 0});
        CHECK(read.form == "comma-separated, cells in rows");
        CHECK(read.notes.at(0) == "cells are in rows: the column 'barcode' beside the names");
        CHECK(read.notes.at(1) == "kept as annotations of the cells: barcode, assigned_cluster");
    }
}

TEST_CASE("line ends, byte order mark, quotes and delimiters") {
    const Folder folder;
    const Names genes{"g,1", "Rpl3", "Rps\"4"};
    for (const char* text : {
             "cell,\"g,1\",Rpl3,\"Rps\"\"4\"\nA,1,0,0\nB,2,0,3\n",
             "cell,\"g,1\",Rpl3,\"Rps\"\"4\"\r\nA,1,0,0\r\nB,2,0,3\r\n",
             "cell,\"g,1\",Rpl3,\"Rps\"\"4\"\nA,1,0,0\nB,2,0,3",
             "cell,\"g,1\",Rpl3,\"Rps\"\"4\"\r\nA,1,0,0\r\n\r\nB,2,0,3\r\n\r\n\n",
             "\xef\xbb\xbf"
             "cell,\"g,1\",Rpl3,\"Rps\"\"4\"\nA,1,0,0\nB,2,0,3\n",
             "\"cell\"\t\"g,1\"\t\"Rpl3\"\t\"Rps\"\"4\"\n\"A\"\t1\t0\t0\n\"B\"\t\"2\"\t\"0\"\t\"3\"\n",
             "cell;\"g,1\";Rpl3;\"Rps\"\"4\"\nA;1;0;0.0\nB;2;0;3\n",
             "cell \"g,1\" Rpl3 \"Rps\"\"4\"\nA 1 0 0\nB 2 0 3\n",
             "cell,\"g,1\",Rpl3,\"Rps\"\"4\"\nA,1,0,0\nB, 2 ,+0,3e0\n",
         }) {
        const auto matrix = read_delimited(folder.text("t.csv", text));
        INFO(text);
        CHECK(matrix.obs.names == Names{"A", "B"});
        CHECK(matrix.obs.index_name == "cell");
        CHECK(matrix.var.names == genes);
        CHECK(dense(matrix) == std::vector<float>{1, 0, 0, 2, 0, 3});
    }
}

TEST_CASE("a separator at the end of each line, as spreadsheets write it, is the end of no column") {
    const Folder folder;
    const std::vector<float> counts{1, 0, 2, 3};
    for (const char* const text : {"\xEF\xBB\xBFgene;c1;c2;\r\nActb;1;2;\r\nGapdh;0;3;\r\n",  // with a byte order mark
                                   "gene;c1;c2\nActb;1;2;\nGapdh;0;3;\n",                     // rows alone
                                   "c1,c2,\nActb,1,2,\nGapdh,0,3,\n",                         // R's header
                                   "gene,c1,c2,\nActb,1,2,\nGapdh,0,3\n"}) {
        CAPTURE(text);
        const auto read = read_delimited_with_notes(folder.text("a.csv", text));
        CHECK(read.counts.obs.names == Names{"c1", "c2"});
        CHECK(read.counts.var.names == Names{"Actb", "Gapdh"});
        CHECK(dense(read.counts) == counts);
    }
    // one that is no separator's doing
    CHECK(read_refusal(folder.text("b.csv", "gene,c1,c2\nActb,1,\nGapdh,0,3\n")) ==
          "b.csv: line 2 (row 'Actb'), column 3 ('c2'): empty field; expected a count, finite and at least 0");
    CHECK(read_refusal(folder.text("c.csv", "gene,c1,c2,\nActb,1,2,\nGapdh,0,3,4\n")) ==
          "c.csv: line 3 (row 'Gapdh') has 4 fields; expected 3, as the header has");
}

TEST_CASE("which side the cells are on") {
    const Folder folder;
    const auto cells_in_rows = [&](const std::string& text, DelimitedOptions options = {}) {
        const auto read = read_delimited_with_notes(folder.text("t.csv", text), options);
        return read.form.find("cells in rows") != std::string::npos;
    };
    CHECK(cells_in_rows("cell_id,a,b\nx,1,2\ny,3,4\nz,5,6\n"));  // first header
    CHECK_FALSE(cells_in_rows("gene,a,b,c\nx,1,2,3\ny,3,4,5\n"));
    CHECK_FALSE(cells_in_rows(",gene_name,a,b,c\nx,Ins1,1,2,3\ny,Ins2,3,4,5\n"));  // header of a text column
    CHECK(cells_in_rows(",kind,a\nx,beta,1\ny,beta,3\nz,beta,1\n"));               // a text column
    CHECK(cells_in_rows(",a,Rpl3\nx,1,2\ny,3,4\nz,5,6\n"));                        // names of genes
    CHECK_FALSE(cells_in_rows(",a,b,c\nENSMUSG00000051951,1,2,3\ny,3,4,5\n"));
    CHECK_FALSE(cells_in_rows(",AAACCTGA-1,AAACGTGC-1,AAACGTGG-1\nx,1,2,3\ny,3,4,5\n"));  // barcodes
    CHECK(cells_in_rows(",x,y\nAAACCTGA-1,1,2\nAAACGTGC-1,1,2\nAAACGTGG-1,1,2\n"));
    CHECK(cells_in_rows(",a,b,c\nx,1,2,3\ny,3,4,5\n"));  // the longer side has the genes
    CHECK_FALSE(cells_in_rows(",a,b\nx,1,2\ny,3,4\nz,3,4\n"));
    DelimitedOptions options;
    options.orientation = Orientation::genes_by_cells;
    CHECK_FALSE(cells_in_rows(",kind,a\nx,beta,1\ny,beta,3\nz,beta,1\n", options));
    options.orientation = Orientation::cells_by_genes;
    CHECK(cells_in_rows("gene,a,b,c\nx,1,2,3\ny,3,4,5\n", options));
}

TEST_CASE("genes in rows are transposed; R's header without the names' own") {
    const Folder folder;
    const auto read = read_delimited_with_notes(
        folder.text("r.tsv", "AAACCTGA-1\tAAACGTGC-1\tAAACGTGG-1\nActb\t0\t2\t1\nIns1\t3\t0\t0\nActb\t0\t0\t4\n"));
    CHECK(read.counts.obs.names == Names{"AAACCTGA-1", "AAACGTGC-1", "AAACGTGG-1"});
    CHECK(read.counts.var.names == Names{"Actb", "Ins1", "Actb"});  // the genes' names may repeat
    CHECK(dense(read.counts) == std::vector<float>{0, 3, 0, 2, 0, 0, 1, 0, 4});
    CHECK(is_tidy(read.counts));
    CHECK(read.form == "tab-separated, genes in rows");
    const auto annotated = read_delimited(folder.text("s.csv", "gene_id,symbol,x,y\nE1,Ins1,1,2\nE2,Ins2,3,4\n"));
    CHECK(std::get<Names>(annotated.var.find("symbol")->values) == Names{"Ins1", "Ins2"});
    CHECK(annotated.var.index_name == "gene_id");
    CHECK(annotated.cells() == 2);
}

TEST_CASE("annotations by header, by option, with numbers") {
    const Folder folder;
    DelimitedOptions options;
    options.annotation_columns = {"plate"};
    const auto matrix = read_delimited(
        folder.text("t.csv", "cell,n_counts,Rpl3,plate,Rps4,leiden\na,7,1,P1,0,3\nb,9,0,P1,2,3\nc,8,0,P2,2,10\n"),
        options);
    CHECK(matrix.var.names == Names{"Rpl3", "Rps4"});
    CHECK(std::get<std::vector<double>>(matrix.obs.find("n_counts")->values) == std::vector<double>{7, 9, 8});
    CHECK(std::get<Names>(matrix.obs.find("plate")->values) == Names{"P1", "P1", "P2"});
    CHECK(std::get<Categorical>(matrix.obs.find("leiden")->values).categories == Names{"10", "3"});
    CHECK(dense(matrix) == std::vector<float>{1, 0, 0, 2, 0, 2});
    options.annotation_columns = {"absent"};
    CHECK(refusal<cellvae::OptionError>(folder.path("t.csv"), [&](const auto& path) {
              return read_delimited(path, options);
          }) == "t.csv: has no column 'absent' to keep as an annotation");
}

TEST_CASE("tables larger than any buffer") {
    const Folder folder;
    // Both a line and the nonzeros pass the size of the reader's buffer and of a block of its result.
    const std::size_t genes = 60000;
    const std::size_t cells = 12;
    std::string cells_by_genes = "cell";
    for (std::size_t gene = 0; gene < genes; ++gene) cells_by_genes += message(",gene", gene);
    const auto count = [](std::size_t cell, std::size_t gene) {
        return (cell * 31 + gene * 17) % 5 < 2 ? 0 : (cell + gene) % 1000;
    };
    std::string genes_by_cells = "gene";
    for (std::size_t cell = 0; cell < cells; ++cell) {
        genes_by_cells += message(",cell", cell);
        cells_by_genes += message("\ncell", cell);
        for (std::size_t gene = 0; gene < genes; ++gene) cells_by_genes += message(",", count(cell, gene));
    }
    for (std::size_t gene = 0; gene < genes; ++gene) {
        genes_by_cells += message("\ngene", gene);
        for (std::size_t cell = 0; cell < cells; ++cell) genes_by_cells += message(",", count(cell, gene));
    }
    const auto rows = read_delimited(folder.gzip("rows.csv.gz", cells_by_genes));
    const auto columns = read_delimited(folder.gzip("columns.csv.gz", genes_by_cells));
    REQUIRE(rows.nonzeros() > (1 << 18));
    REQUIRE(rows.cells() == static_cast<cellvae::Index>(cells));
    std::size_t wrong = 0;
    const auto table = dense(rows);
    for (std::size_t cell = 0; cell < cells; ++cell)
        for (std::size_t gene = 0; gene < genes; ++gene)
            if (table[cell * genes + gene] != static_cast<float>(count(cell, gene))) ++wrong;
    CHECK(wrong == 0);
    CHECK(rows.row_offsets == columns.row_offsets);
    CHECK(rows.columns == columns.columns);
    CHECK(rows.values == columns.values);
    CHECK(rows.var.names == columns.var.names);
    CHECK(is_tidy(columns));
}

TEST_CASE("wrong tables are refused with file, line and column") {
    const Folder folder;
    const auto says = [&](const std::string& text) { return read_refusal(folder.text("t.csv", text)); };
    CHECK(says("") == "t.csv: the file is empty (0 bytes); expected a file of counts");
    CHECK(says("\n\n") == "t.csv: line 1 has one field only; expected names separated by commas, tabs or semicolons");
    CHECK(says(",Actb,Ins1\n") ==
          "t.csv: line 1: is the only line, a header of 3 names; expected one more line for each cell or gene");
    CHECK(says(",barcode,assigned_cluster\na,AAA,beta\n") ==
          "t.csv: line 2: no column of counts: none of the 2 columns after the names holds numbers; expected one for "
          "each gene or cell");
    CHECK(says(",Actb,Ins1\na,1,2\nb,1\n") == "t.csv: line 3 (row 'b') has 2 fields; expected 3, as the header has");
    CHECK(says(",Actb,Ins1\na,1,2\nb,0,0,0,4\n") ==
          "t.csv: line 3 (row 'b') has 5 fields; expected 3, as the header has");
    CHECK(says(",Actb,Ins1\na,1,2\nb,0,0,\n") == "t.csv: line 3 (row 'b') has 4 fields; expected 3, as the header has");
    CHECK(says(",Actb,Ins1\na,1,2\nb\n") == "t.csv: line 3 (row 'b') has 1 field; expected 3, as the header has");
    CHECK(says(",Actb,Ins1\na,1,2\nb,0,two\n") ==
          "t.csv: line 3 (row 'b'), column 3 ('Ins1'): 'two' is not a number; expected a count, finite and at least 0 "
          "(a column "
          "of text must stand beside the names or be listed as an annotation)");
    CHECK(says(",Actb,Ins1\na,one,2\nb,0,2\n") ==
          "t.csv: line 2 (row 'a'), column 2 ('Actb'): 'one' is not a number, but 1 other rows have numbers there; "
          "expected a "
          "count, finite and at least 0");
    CHECK(says(",Actb,Ins1\na,1,2\nb,-1,2\n") ==
          "t.csv: line 3 (row 'b'), column 2 ('Actb'): negative value -1; expected a count, finite and at least 0");
    CHECK(
        says(",Actb,Ins1\na,1,nan\n") ==
        "t.csv: line 2 (row 'a'), column 3 ('Ins1'): value nan is not finite; expected a count, finite and at least 0");
    CHECK(says(",Actb,Ins1\na,1,inf\n").find("value inf is not finite") != std::string::npos);
    CHECK(says(",Actb,Ins1\na,1,1e999\n").find("value 1e999 is not finite") != std::string::npos);
    CHECK(says(",Actb,Ins1\na,1,1e39\n").find("value 1e39 is not finite") != std::string::npos);
    CHECK(says(",Actb,Ins1\na,1,\n") ==
          "t.csv: line 2 (row 'a'), column 3 ('Ins1'): empty field; expected a count, finite and at least 0");
    CHECK(says("cell,Actb,Ins1\na,1,2\nb,1,2\na,1,2\n") ==
          "t.csv: the cell name 'a' appears twice, for cells 1 and 3 (in rows); expected one name for each cell");
    CHECK(says("gene,a,b,a\nActb,1,2,3\n") ==
          "t.csv: the cell name 'a' appears twice, for cells 1 and 3 (in columns); expected one name for each cell");
    CHECK(says("x,0,0,3\ny,0,0,1\n") ==
          "t.csv: line 1: holds numbers where names are expected; expected a header line with the names of the genes "
          "or of the cells");
    CHECK(says(",Actb,Ins1\na,1,2\n\"b,1,2\n").find("the quote that opens in line 3 is never closed") !=
          std::string::npos);
    CHECK(says(",Actb,Ins1\na,1,2\n\"b\"x,1,2\n").find("line 3: text follows a closing quote") != std::string::npos);
    CHECK(says(",Actb,Ins1\na,1," + std::string(300000, '1')).find("line 2 holds a field longer than 262144 bytes") !=
          std::string::npos);
    CHECK(says(std::string("a,b\0c\n", 6)).find("byte 4 is zero, so this is no text") != std::string::npos);
    CHECK(says("\xff\xfe,").find("is UTF-16 text; expected UTF-8") != std::string::npos);
    CHECK(says("%%MatrixMarket matrix\n3 4\n").find("is a Matrix Market file") != std::string::npos);
    CHECK(read_refusal(folder.path("absent.csv")).find("absent.csv: no such file; expected a file of counts") == 0);
    CHECK(read_refusal(folder.path()).find("is a folder; expected a file of counts") != std::string::npos);
    CHECK(read_refusal("/dev/null").find("is a pipe or a device") != std::string::npos);
}

TEST_CASE("damaged gzip is refused at every length") {
    const Folder folder;
    std::string text = "cell";
    for (int gene = 0; gene < 300; ++gene) text += message(",gene", gene);
    for (int cell = 0; cell < 40; ++cell) {
        text += message("\ncell", cell);
        for (int gene = 0; gene < 300; ++gene) text += message(",", (cell * gene) % 7);
    }
    const std::string whole = io_files::content_of(folder.gzip("t.csv.gz", text));
    REQUIRE(read_refusal(folder.path("t.csv.gz")) == "(accepted)");
    for (std::size_t length = 20; length < whole.size(); length += 37) {
        const std::string error = read_refusal(folder.text("t.csv.gz", whole.substr(0, length)));
        INFO(length);
        CHECK(
            error ==
            "t.csv.gz: the gzip data ends early (truncated file); expected the whole file, as `gzip --test` checks it");
    }
    for (std::size_t position = 20; position < whole.size(); position += 41) {
        std::string damaged = whole;
        damaged[position] = static_cast<char>(damaged[position] ^ 0x10);
        INFO(position);
        CHECK(read_refusal(folder.text("t.csv.gz", damaged)) != "(accepted)");
    }
}

}  // namespace delimited_test
